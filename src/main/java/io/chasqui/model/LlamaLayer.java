package io.chasqui.model;

import io.chasqui.backend.LinearWeights;
import io.chasqui.backend.VectorWeights;

/**
 * Weights of one decoder layer.
 *
 * @param qkv query, key and value projections stacked
 * @param gateUp gate stacked on up
 */
public record LlamaLayer(
        VectorWeights attentionNorm,
        LinearWeights qkv,
        LinearWeights output,
        VectorWeights ffnNorm,
        LinearWeights gateUp,
        LinearWeights down) {}
