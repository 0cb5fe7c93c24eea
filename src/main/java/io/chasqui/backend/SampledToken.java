package io.chasqui.backend;

/**
 * Result for one {@link LogitsRow}.
 *
 * @param token the sampled, or scored, token id
 * @param logprob its log-probability under the raw logits (before bias, penalties and temperature);
 *     0 when no logprobs were asked for
 * @param topTokens the most likely ids under the raw logits, most likely first, ties to the lowest
 *     id
 * @param topLogprobs their log-probabilities
 * @param finite false when the row held NaN or infinity: the token is then meaningless
 */
public record SampledToken(
        int token, float logprob, int[] topTokens, float[] topLogprobs, boolean finite) {}
