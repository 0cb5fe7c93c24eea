package io.chasqui.http;

import io.chasqui.chat.ServedModel;
import java.util.List;

/**
 * What the writers of a plain completion share.
 *
 * @param usage counts, kept up to date by {@link OutputPublisher}
 */
record CompletionAnswer(
        CompletionRequest request,
        ServedModel model,
        Envelope envelope,
        List<PlainPrompts.Rendered> prompts,
        Usage usage) {

    static final String OBJECT = "text_completion";

    ResponseWriter writer() {
        return request.options().streaming().stream()
                ? new CompletionStreamWriter(this)
                : new CompletionResponseWriter(this);
    }

    int choicesPerPrompt() {
        return request.options().n();
    }

    boolean logprobs() {
        return request.numLogprobs() >= 0;
    }

    boolean tokenIds() {
        return request.options().returnTokenIds();
    }
}
