package io.chasqui.model;

import io.chasqui.backend.ModelShape;

/**
 * Architecture of a Llama checkpoint, whatever file it came from.
 *
 * @param contextLength positions the model was made for
 * @param inverseFrequencies RoPE angle per position and pair, scaling applied, {@code [headDim /
 *     2]}
 * @param tiedHead whether the output head is the embedding
 */
public record LlamaConfig(
        int layers,
        int hidden,
        int heads,
        int kvHeads,
        int headDim,
        int ffn,
        int vocab,
        int contextLength,
        float normEps,
        float[] inverseFrequencies,
        boolean tiedHead) {

    /**
     * @throws IllegalArgumentException if the numbers cannot be those of one model
     */
    public LlamaConfig {
        check(heads % kvHeads == 0, heads + " query heads do not divide among " + kvHeads);
        check(headDim % 2 == 0, "heads have the odd width " + headDim);
        check(normEps > 0 && normEps < 1, "the norm epsilon is " + normEps);
        check(inverseFrequencies.length == headDim / 2, "RoPE needs one frequency for each pair");
        for (float frequency : inverseFrequencies) {
            check(frequency > 0 && frequency <= 1, "a RoPE frequency is " + frequency);
        }
    }

    private static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException(otherwise);
        }
    }

    /**
     * The same with its first layers only.
     *
     * @throws IllegalArgumentException if it has fewer, or none are asked for
     */
    public LlamaConfig withLayers(int first) {
        check(
                first >= 1 && first <= layers,
                first + " layers are asked for of a model that has " + layers);
        return new LlamaConfig(
                first,
                hidden,
                heads,
                kvHeads,
                headDim,
                ffn,
                vocab,
                contextLength,
                normEps,
                inverseFrequencies,
                tiedHead);
    }

    public ModelShape shape() {
        return new ModelShape(
                layers, hidden, heads, kvHeads, headDim, ffn, vocab, normEps, inverseFrequencies);
    }
}
