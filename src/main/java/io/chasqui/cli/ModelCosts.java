package io.chasqui.cli;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LinearWeights;
import io.chasqui.model.LlamaModel;

/**
 * What a step must read and compute at least: every weight once, the keys and values of each
 * sequence once, two operations per weight and token. The roofline's two axes.
 *
 * @param layerBytes bytes of all layers' matrices as packed
 * @param headBytes bytes of the output head as packed
 * @param layerWeights weights in all layers' matrices
 * @param headWeights weights in the output head
 * @param kvBytesPerToken keys and values of one token over all layers
 */
record ModelCosts(
        long layerBytes,
        long headBytes,
        long layerWeights,
        long headWeights,
        long kvBytesPerToken) {

    static ModelCosts of(LlamaModel model) {
        var linears = model.weights().linears();
        var head = linears.getLast();
        var layers = linears.subList(0, linears.size() - 1);
        var kv = model.kvCache();
        return new ModelCosts(
                layers.stream().mapToLong(LinearWeights::bytes).sum(),
                head.bytes(),
                layers.stream().mapToLong(ModelCosts::count).sum(),
                count(head),
                kv.bytes() / ((long) kv.numBlocks() * kv.blockSize()));
    }

    /** Bytes that this step reads at least. */
    long bytes(ForwardBatch batch) {
        long context = 0;
        for (int length : batch.seqLens()) {
            context += length;
        }
        return layerBytes + (batch.rows().length > 0 ? headBytes : 0) + context * kvBytesPerToken;
    }

    /** Bytes of weights that a step with logits reads. */
    long weightBytes() {
        return layerBytes + headBytes;
    }

    /** Floating-point operations of this step's matrix products with weights. */
    long flops(ForwardBatch batch) {
        return 2 * (layerWeights * batch.numTokens() + headWeights * batch.rows().length);
    }

    private static long count(LinearWeights matrix) {
        return (long) matrix.rows() * matrix.columns();
    }
}
