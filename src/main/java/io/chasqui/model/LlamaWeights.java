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

    /** The norm that reads the residual stream when so many layers are done. */
    public VectorWeights normAfter(int done) {
        return done < layers.size() ? layers.get(done).attentionNorm() : norm;
    }

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
