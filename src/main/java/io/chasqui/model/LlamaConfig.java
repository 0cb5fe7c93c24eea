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

    public ModelShape shape() {
        return new ModelShape(
                layers, hidden, heads, kvHeads, headDim, ffn, vocab, normEps, inverseFrequencies);
    }
}
