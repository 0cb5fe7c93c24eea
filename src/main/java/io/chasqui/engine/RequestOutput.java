package io.chasqui.engine;

import java.util.List;

/**
 * News of one choice: text that became certain, and the tokens it is made of.
 *
 * @param choice index of the choice
 * @param text text to append; "" is possible
 * @param tokens the tokens whose text this is, in order; with an end token or a stop string also
 *     those that carry no text. Over all outputs of a choice each sampled token appears once
 * @param promptTokens with prompt logprobs, on the first output of choice 0: one entry per prompt
 *     token, the first with logprob NaN; else null
 * @param finish set on the last output of a choice that ended well
 * @param stopReason the stop text (String) or stop token id (Integer) that ended it, or null
 * @param error set on the only last output of a choice that failed
 * @param usage set together with {@code finish}
 */
public record RequestOutput(
        int choice,
        String text,
        List<TokenOutput> tokens,
        List<TokenOutput> promptTokens,
        FinishReason finish,
        Object stopReason,
        EngineError error,
        Usage usage) {

    /** Whether nothing follows for this choice. */
    public boolean last() {
        return finish != null || error != null;
    }

    /**
     * Token counts of one choice.
     *
     * @param promptTokens tokens of the prompt
     * @param cachedTokens those of them found in the prefix cache
     * @param completionTokens tokens sampled, the end token included
     */
    public record Usage(int promptTokens, int cachedTokens, int completionTokens) {}
}
