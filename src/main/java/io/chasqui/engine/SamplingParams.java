package io.chasqui.engine;

import io.chasqui.backend.SamplerParams;
import io.chasqui.grammar.Grammar;
import java.util.List;
import java.util.Set;

/**
 * How a request generates, after validation and with the model's defaults filled in.
 *
 * @param n choices; each is a request of its own that shares the prompt's blocks
 * @param maxTokens most tokens to generate per choice; 0 only scores the prompt
 * @param minTokens tokens before an end token or stop string may end the answer
 * @param stop texts that end the answer
 * @param stopTokenIds token ids that end the answer, beside the model's end tokens
 * @param ignoreEos whether the model's end tokens are ordinary
 * @param includeStopText whether a matched stop text is part of the answer
 * @param seed key of the random numbers
 * @param numLogprobs likely tokens reported beside each sampled one; -1 for no logprobs
 * @param numPromptLogprobs the same for prompt tokens; -1 for none
 * @param sampler what acts on the logits
 * @param grammar what the answer must be; null when it is free
 */
public record SamplingParams(
        int n,
        int maxTokens,
        int minTokens,
        List<String> stop,
        Set<Integer> stopTokenIds,
        boolean ignoreEos,
        boolean includeStopText,
        long seed,
        int numLogprobs,
        int numPromptLogprobs,
        SamplerParams sampler,
        Grammar grammar) {

    public SamplingParams {
        if (n < 1) {
            throw new IllegalArgumentException("n: at least one choice is needed");
        }
        if (stop.contains("")) {
            throw new IllegalArgumentException("stop: an empty text would end every answer");
        }
    }

    /** Of an answer that is free. */
    public SamplingParams(
            int n,
            int maxTokens,
            int minTokens,
            List<String> stop,
            Set<Integer> stopTokenIds,
            boolean ignoreEos,
            boolean includeStopText,
            long seed,
            int numLogprobs,
            int numPromptLogprobs,
            SamplerParams sampler) {
        this(
                n,
                maxTokens,
                minTokens,
                stop,
                stopTokenIds,
                ignoreEos,
                includeStopText,
                seed,
                numLogprobs,
                numPromptLogprobs,
                sampler,
                null);
    }
}
