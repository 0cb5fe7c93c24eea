package io.chasqui.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.chasqui.engine.RequestOutput;
import java.io.IOException;

/**
 * Token counts of an answer over all its prompts and choices. A prompt counts once, however many
 * choices it has.
 */
final class Usage {
    private int promptTokens;
    private int cachedTokens;
    private int completionTokens;

    /** Counts the prompts before anything is generated. */
    void addPrompt(int tokens) {
        promptTokens += tokens;
    }

    /** Counts what an output brings. */
    void add(RequestOutput output) {
        completionTokens += output.tokens().size();
        if (output.usage() != null && output.choice() == 0) {
            cachedTokens += output.usage().cachedTokens();
        }
    }

    int promptTokens() {
        return promptTokens;
    }

    int cachedTokens() {
        return cachedTokens;
    }

    int completionTokens() {
        return completionTokens;
    }

    /**
     * Writes {@code "usage":{…}}.
     *
     * @param prediction whether predicted tokens are counted too; none is ever used
     */
    void writeTo(JsonGenerator json, boolean prediction) throws IOException {
        json.writeObjectFieldStart("usage");
        json.writeNumberField("prompt_tokens", promptTokens);
        json.writeNumberField("completion_tokens", completionTokens);
        json.writeNumberField("total_tokens", promptTokens + completionTokens);
        json.writeObjectFieldStart("prompt_tokens_details");
        json.writeNumberField("cached_tokens", cachedTokens);
        json.writeEndObject();
        json.writeObjectFieldStart("completion_tokens_details");
        json.writeNumberField("reasoning_tokens", 0);
        if (prediction) {
            json.writeNumberField("accepted_prediction_tokens", 0);
            json.writeNumberField("rejected_prediction_tokens", 0);
        }
        json.writeEndObject();
        json.writeEndObject();
    }
}
