package io.chasqui.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.chasqui.engine.TokenOutput;
import io.chasqui.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Log-probabilities of one choice in the form of plain completions: parallel arrays. It remembers
 * how much text has gone before, for offsets count the characters of the whole text.
 */
final class CompletionLogprobs {
    private final Tokenizer tokenizer;
    private final CodePointCounter position = new CodePointCounter();
    private final List<Entry> entries = new ArrayList<>();

    CompletionLogprobs(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /**
     * @param logprob null for the first token of a prompt
     * @param top null likewise
     */
    private record Entry(String token, Float logprob, Map<String, Float> top, int offset) {}

    /** Adds the prompt of an echo. */
    void addPrompt(List<TokenOutput> tokens, PlainPrompts.Rendered prompt) {
        for (int i = prompt.listStart(); i < tokens.size(); i++) {
            add(tokens.get(i), i == 0, i >= prompt.textStart());
        }
    }

    /** Adds generated tokens; special ones are no part of the text. */
    void add(List<TokenOutput> tokens) {
        for (var token : tokens) {
            add(token, false, !tokenizer.isSpecial(token.token()));
        }
    }

    private void add(TokenOutput token, boolean first, boolean inText) {
        var bytes = tokenizer.bytes(token.token());
        var text = Logprobs.text(bytes);
        int offset = position.complete();
        entries.add(
                first
                        ? new Entry(text, null, null, offset)
                        : new Entry(text, Logprobs.finite(token.logprob()), top(token), offset));
        if (inText) {
            position.add(bytes);
        }
    }

    /** By text; of two tokens with the same text the likelier counts. */
    private Map<String, Float> top(TokenOutput token) {
        var top = new LinkedHashMap<String, Float>();
        for (int i = 0; i < token.topTokens().length; i++) {
            var text = Logprobs.text(tokenizer.bytes(token.topTokens()[i]));
            top.merge(text, Logprobs.finite(token.topLogprobs()[i]), Math::max);
        }
        var text = Logprobs.text(tokenizer.bytes(token.token()));
        top.merge(text, Logprobs.finite(token.logprob()), Math::max);
        return top;
    }

    /** Writes {@code "logprobs":{…}} of what was added since the last time. */
    void writeTo(JsonGenerator json) throws IOException {
        json.writeObjectFieldStart("logprobs");
        json.writeArrayFieldStart("tokens");
        for (var entry : entries) {
            json.writeString(entry.token());
        }
        json.writeEndArray();
        json.writeArrayFieldStart("token_logprobs");
        for (var entry : entries) {
            number(json, entry.logprob());
        }
        json.writeEndArray();
        json.writeArrayFieldStart("top_logprobs");
        for (var entry : entries) {
            map(json, entry.top());
        }
        json.writeEndArray();
        json.writeArrayFieldStart("text_offset");
        for (var entry : entries) {
            json.writeNumber(entry.offset());
        }
        json.writeEndArray();
        json.writeEndObject();
        entries.clear();
    }

    private static void number(JsonGenerator json, Float value) throws IOException {
        if (value == null) {
            json.writeNull();
        } else {
            json.writeNumber(value);
        }
    }

    private static void map(JsonGenerator json, Map<String, Float> top) throws IOException {
        if (top == null) {
            json.writeNull();
            return;
        }
        json.writeStartObject();
        for (var entry : top.entrySet()) {
            json.writeNumberField(entry.getKey(), entry.getValue());
        }
        json.writeEndObject();
    }
}
