package io.chasqui.backend;

/**
 * What is wanted of one row of logits: sample a token, or score a known one (prompt logprobs).
 *
 * @param tokenIndex which of the batch's tokens the row belongs to
 * @param targetToken the token to score, or {@link #SAMPLE}
 * @param params how to sample
 * @param seed the request's seed
 * @param choice the choice index among siblings
 * @param outputIndex index of the token in the request's output; (seed, choice, outputIndex) keys
 *     the random number, so a token never depends on batch, step or machine load
 * @param history the request's tokens, prompt first; only {@code [0, historyLength)} may be read.
 *     Where the parameters do not depend on it, its last token may be one that the pass before has
 *     sampled, see {@link ForwardBatch#tokens}
 * @param promptLength tokens of {@code history} that are prompt
 * @param historyLength tokens of {@code history} that are known
 * @param bannedTokens ids that must not be sampled now (end tokens while {@code min_tokens} is not
 *     reached)
 * @param numLogprobs most likely tokens to report beside the chosen one; -1 for no logprobs at all
 */
public record LogitsRow(
        int tokenIndex,
        int targetToken,
        SamplerParams params,
        long seed,
        int choice,
        int outputIndex,
        int[] history,
        int promptLength,
        int historyLength,
        int[] bannedTokens,
        int numLogprobs) {

    /** {@link #targetToken} of a row that samples. */
    public static final int SAMPLE = -1;
}
