package io.chasqui.http;

import io.chasqui.chat.ServedModel;

/**
 * What the writers of a chat answer share.
 *
 * @param promptTokens ids of the prompt
 * @param usage counts, kept up to date by {@link OutputPublisher}
 */
record ChatAnswer(
        ChatCompletionRequest request,
        ServedModel model,
        Envelope envelope,
        int[] promptTokens,
        Usage usage) {

    ResponseWriter writer() {
        return request.options().streaming().stream()
                ? new ChatStreamWriter(this)
                : new ChatResponseWriter(this);
    }

    boolean logprobs() {
        return request.numLogprobs() >= 0;
    }

    boolean tokenIds() {
        return request.options().returnTokenIds();
    }
}
