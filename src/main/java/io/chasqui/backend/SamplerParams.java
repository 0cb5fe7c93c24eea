package io.chasqui.backend;

/**
 * The part of a request's sampling parameters that acts on logits. All values are validated before
 * they get here.
 *
 * <p>Order: logit bias and banned tokens, repetition, presence and frequency penalties,
 * temperature, then min-p, top-k, top-p on the tempered distribution. A temperature of 0 takes the
 * arg max, ties to the lowest id.
 *
 * @param temperature 0..2
 * @param topP 0..1; 1 keeps all, 0 keeps the top token only
 * @param topK tokens kept; 0 keeps all
 * @param minP tokens less likely than {@code minP} times the likeliest are dropped; 0 keeps all
 * @param repetitionPenalty (0, 10]; 1 is neutral; over prompt and output
 * @param presencePenalty -2..2 over output tokens
 * @param frequencyPenalty -2..2 over output tokens
 * @param biasIds token ids with a bias, ascending
 * @param biasValues the biases, added to the logits
 */
public record SamplerParams(
        float temperature,
        float topP,
        int topK,
        float minP,
        float repetitionPenalty,
        float presencePenalty,
        float frequencyPenalty,
        int[] biasIds,
        float[] biasValues) {

    private static final int[] NO_IDS = {};
    private static final float[] NO_VALUES = {};

    /** Whether sampling depends on the tokens so far. */
    public boolean readsHistory() {
        return repetitionPenalty != 1 || presencePenalty != 0 || frequencyPenalty != 0;
    }

    /** Arg max, nothing else. */
    public static final SamplerParams GREEDY = temperature(0);

    /** Only a temperature. */
    public static SamplerParams temperature(float t) {
        return new SamplerParams(t, 1, 0, 0, 1, 0, 0, NO_IDS, NO_VALUES);
    }
}
