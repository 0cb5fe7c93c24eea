package io.chasqui.model;

import io.chasqui.backend.LinearWeights;
import io.chasqui.backend.VectorWeights;
import java.util.ArrayList;
import java.util.List;

/**
 * All weights of a model, packed by its backend.
 *
 * @param head the output head; the embedding itself when the two are tied
 */
public record LlamaWeights(
        LinearWeights embedding, List<LlamaLayer> layers, VectorWeights norm, LinearWeights head) {

    /** The matrices a step multiplies with: those of all layers, then the head. */
    public List<LinearWeights> linears() {
        var all = new ArrayList<LinearWeights>();
        for (var layer : layers) {
            all.addAll(List.of(layer.qkv(), layer.output(), layer.gateUp(), layer.down()));
        }
        all.add(head);
        return all;
    }
}
