package io.chasqui.backend;

/**
 * The sizes a backend needs to lay out activations and the KV cache.
 *
 * @param layers decoder layers
 * @param hidden width of the residual stream
 * @param heads query heads
 * @param kvHeads key/value heads; {@code heads} is a multiple of it
 * @param headDim width of one head
 * @param ffn inner width of the feed-forward block
 * @param vocab rows of the output head
 * @param normEps epsilon of RMSNorm
 * @param inverseFrequencies RoPE angle per position of each rotated pair, scaling applied, {@code
 *     [headDim / 2]}; pair j is elements (j, j + headDim/2)
 */
public record ModelShape(
        int layers,
        int hidden,
        int heads,
        int kvHeads,
        int headDim,
        int ffn,
        int vocab,
        float normEps,
        float[] inverseFrequencies) {}
