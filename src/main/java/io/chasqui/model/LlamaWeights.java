package io.chasqui.model;

import io.chasqui.backend.LinearWeights;
import io.chasqui.backend.VectorWeights;
import java.util.List;

/**
 * All weights of a model, packed by its backend.
 *
 * @param head the output head; the embedding itself when the two are tied
 */
public record LlamaWeights(
        LinearWeights embedding, List<LlamaLayer> layers, VectorWeights norm, LinearWeights head) {}
