package io.chasqui.engine;

/**
 * One token with what was asked about it.
 *
 * @param token its id
 * @param logprob log-probability under the raw logits
 * @param topTokens likely ids, likeliest first; empty unless asked for
 * @param topLogprobs their log-probabilities
 */
public record TokenOutput(int token, float logprob, int[] topTokens, float[] topLogprobs) {}
