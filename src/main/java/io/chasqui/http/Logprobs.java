package io.chasqui.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.chasqui.engine.TokenOutput;
import io.chasqui.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Writes log-probabilities in the form of chat completions. */
final class Logprobs {
    /** What stands for minus infinity, which JSON does not have. */
    private static final float LEAST = -9999;

    private final Tokenizer tokenizer;

    Logprobs(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /** Writes {@code "logprobs":{…}}. */
    void writeTo(JsonGenerator json, List<TokenOutput> tokens) throws IOException {
        json.writeObjectFieldStart("logprobs");
        json.writeArrayFieldStart("content");
        for (var token : tokens) {
            json.writeStartObject();
            entry(json, token.token(), token.logprob());
            json.writeArrayFieldStart("top_logprobs");
            for (int i = 0; i < token.topTokens().length; i++) {
                json.writeStartObject();
                entry(json, token.topTokens()[i], token.topLogprobs()[i]);
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeNullField("refusal");
        json.writeEndObject();
    }

    private void entry(JsonGenerator json, int token, float logprob) throws IOException {
        var bytes = tokenizer.bytes(token);
        json.writeStringField("token", text(bytes));
        json.writeNumberField("logprob", finite(logprob));
        if (tokenizer.isSpecial(token)) {
            json.writeNullField("bytes");
            return;
        }
        json.writeArrayFieldStart("bytes");
        for (byte b : bytes) {
            json.writeNumber(b & 0xFF);
        }
        json.writeEndArray();
    }

    static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    static float finite(float logprob) {
        return Float.isFinite(logprob) ? Math.max(logprob, LEAST) : LEAST;
    }
}
