package io.chasqui.http;

import io.chasqui.chat.ServedModel;
import java.util.List;
import java.util.stream.Stream;

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

    /** A reader for each choice. */
    List<ChoiceReader> readers() {
        return Stream.generate(this::reader).limit(request.options().n()).toList();
    }

    private ChoiceReader reader() {
        var tools = request.tools();
        if (tools.choice() == null) {
            return new ChoiceReader(null, false);
        }
        boolean free = request.options().format().isFree();
        var syntax = model.template().toolCalls(model.tokenizer());
        return new ChoiceReader(syntax.parser(tools.choice(), free), tools.named());
    }

    /** Whether every choice is sure to be tool calls, so that none has content. */
    boolean callsOnly() {
        var choice = request.tools().choice();
        return choice != null && choice.required();
    }

    static String newCallId() {
        return "call_" + Call.newId();
    }

    boolean logprobs() {
        return request.numLogprobs() >= 0;
    }

    boolean tokenIds() {
        return request.options().returnTokenIds();
    }
}
