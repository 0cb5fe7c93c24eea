package io.chasqui.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.chasqui.engine.FinishReason;
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

    ChatStreamWriter(ChatAnswer answer) {
        this.answer = answer;
        logprobs = new Logprobs(answer.model().tokenizer());
        var streaming = answer.request().options().streaming();
        usage = new StreamUsage(streaming, answer.usage(), answer.request().prediction());
        obfuscation = new Obfuscation(streaming.obfuscation());
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
        json.writeStringField("content", "");
    }

    @Override
    public void write(int prompt, RequestOutput output, OutputStream out) {
        boolean reportTokens = answer.logprobs() || answer.tokenIds();
        boolean hasTokens = reportTokens && !output.tokens().isEmpty();
        var rest = output.tokens();
        if (!output.text().isEmpty() || hasTokens && !output.last()) {
            text(out, output);
            rest = List.of();
        }
        if (output.last()) {
            finish(out, output.choice(), output.finish(), rest);
        }
    }

    private void text(OutputStream out, RequestOutput output) {
        chunk(
                out,
                json -> {
                    choice(
                            json,
                            output.choice(),
                            null,
                            output.tokens(),
                            delta -> delta.writeStringField("content", output.text()));
                    obfuscation.writeTo(json, output.text());
                });
    }

    private void finish(
            OutputStream out, int choice, FinishReason reason, List<TokenOutput> tokens) {
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
            FinishReason finish,
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
        json.writeStringField("finish_reason", Finish.name(finish));
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
