package io.chasqui.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.chasqui.chat.AnswerPart;
import io.chasqui.engine.RequestOutput;
import io.chasqui.engine.TokenOutput;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;

/**
 * A streamed chat answer: the role of every choice, then text as it comes, a finish chunk per
 * choice, the usage if asked for, and {@code [DONE]}.
 */
final class ChatStreamWriter implements ResponseWriter {
    private static final String OBJECT = "chat.completion.chunk";

    private final ChatAnswer answer;
    private final Logprobs logprobs;
    private final StreamUsage usage;
    private final Obfuscation obfuscation;
    private final List<ChoiceReader> readers;

    ChatStreamWriter(ChatAnswer answer) {
        this.answer = answer;
        logprobs = new Logprobs(answer.model().tokenizer());
        var streaming = answer.request().options().streaming();
        usage = new StreamUsage(streaming, answer.usage(), answer.request().prediction());
        obfuscation = new Obfuscation(streaming.obfuscation());
        readers = answer.readers();
    }

    @Override
    public boolean streaming() {
        return true;
    }

    /** Clients index choices by order of arrival: all are announced before any speaks. */
    @Override
    public void open(OutputStream out) {
        for (int choice = 0; choice < answer.request().options().n(); choice++) {
            int index = choice;
            chunk(
                    out,
                    json -> {
                        choice(json, index, null, List.of(), this::role);
                        if (index == 0 && answer.tokenIds()) {
                            Json.ints(json, "prompt_token_ids", answer.promptTokens());
                        }
                    });
        }
    }

    private void role(JsonGenerator json) throws IOException {
        json.writeStringField("role", "assistant");
        json.writeStringField("content", answer.callsOnly() ? null : "");
    }

    @Override
    public void write(int prompt, RequestOutput output, OutputStream out) {
        var reader = readers.get(output.choice());
        boolean reportTokens = answer.logprobs() || answer.tokenIds();
        var tokens = reportTokens ? output.tokens() : List.<TokenOutput>of();
        for (var part : reader.read(output)) {
            part(out, output.choice(), part, tokens);
            tokens = List.of();
        }
        if (output.last()) {
            finish(out, output.choice(), reader.finish(output.finish()), tokens);
        } else if (!tokens.isEmpty()) {
            withoutText(out, output.choice(), reader.mayCall(), tokens);
        }
    }

    private void part(OutputStream out, int choice, AnswerPart part, List<TokenOutput> tokens) {
        chunk(
                out,
                json -> {
                    choice(json, choice, null, tokens, delta -> delta(delta, part));
                    obfuscation.writeTo(json, textOf(part));
                });
    }

    private static String textOf(AnswerPart part) {
        return switch (part) {
            case AnswerPart.Text text -> text.text();
            case AnswerPart.Call call -> call.name();
            case AnswerPart.Arguments arguments -> arguments.json();
        };
    }

    /** Id, type and name come once: clients join what comes again. */
    private void delta(JsonGenerator json, AnswerPart part) throws IOException {
        switch (part) {
            case AnswerPart.Text text -> json.writeStringField("content", text.text());
            case AnswerPart.Call call -> {
                beginCall(json, call.index());
                json.writeStringField("id", ChatAnswer.newCallId());
                json.writeStringField("type", "function");
                function(json, call.name(), "");
            }
            case AnswerPart.Arguments arguments -> {
                beginCall(json, arguments.index());
                function(json, null, arguments.json());
            }
        }
    }

    private static void beginCall(JsonGenerator json, int index) throws IOException {
        json.writeArrayFieldStart("tool_calls");
        json.writeStartObject();
        json.writeNumberField("index", index);
    }

    private static void function(JsonGenerator json, String name, String arguments)
            throws IOException {
        json.writeObjectFieldStart("function");
        if (name != null) {
            json.writeStringField("name", name);
        }
        json.writeStringField("arguments", arguments);
        json.writeEndObject();
        json.writeEndObject();
        json.writeEndArray();
    }

    /** Tokens of an answer that may call tools may be neither text nor arguments. */
    private void withoutText(
            OutputStream out, int choice, boolean mayCall, List<TokenOutput> tokens) {
        Json.Content delta = mayCall ? json -> {} : json -> json.writeStringField("content", "");
        chunk(out, json -> choice(json, choice, null, tokens, delta));
    }

    private void finish(OutputStream out, int choice, String reason, List<TokenOutput> tokens) {
        chunk(out, json -> choice(json, choice, reason, tokens, delta -> {}));
    }

    private void chunk(OutputStream out, Json.Content content) {
        Sse.event(
                out,
                json -> {
                    answer.envelope().writeTo(json, OBJECT);
                    content.writeTo(json);
                    usage.onChunk(json);
                });
    }

    private void choice(
            JsonGenerator json,
            int index,
            String finish,
            List<TokenOutput> tokens,
            Json.Content delta)
            throws IOException {
        json.writeArrayFieldStart("choices");
        json.writeStartObject();
        json.writeNumberField("index", index);
        json.writeObjectFieldStart("delta");
        delta.writeTo(json);
        json.writeEndObject();
        if (answer.logprobs() && !tokens.isEmpty()) {
            logprobs.writeTo(json, tokens);
        } else {
            json.writeNullField("logprobs");
        }
        json.writeStringField("finish_reason", finish);
        if (answer.tokenIds() && !tokens.isEmpty()) {
            Json.ints(json, "token_ids", Finish.ids(tokens));
        }
        json.writeEndObject();
        json.writeEndArray();
    }

    @Override
    public void close(OutputStream out) {
        usage.onEnd(out, answer.envelope(), OBJECT);
        Sse.done(out);
    }
}
