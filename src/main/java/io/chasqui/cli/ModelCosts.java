package io.chasqui.cli;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.LinearWeights;
import io.chasqui.model.LlamaConfig;
import io.chasqui.model.LlamaWeights;
import java.util.List;

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

    static ModelCosts of(LlamaConfig config, LlamaWeights weights, KvDType kvDType) {
        List<LinearWeights> linears = weights.linears();
        var layers = linears.subList(0, linears.size() - 1);
        return new ModelCosts(
                layers.stream().mapToLong(LinearWeights::bytes).sum(),
                weights.head().bytes(),
                layers.stream().mapToLong(ModelCosts::count).sum(),
                count(weights.head()),
                2L * config.layers() * config.kvHeads() * config.headDim() * kvDType.bytes());
    }

    /** Bytes that this step reads at least. */
    long bytes(ForwardBatch batch) {
        long context = 0;
        for (int length : batch.seqLens()) {
            context += length;
        }
        return layerBytes + (batch.rows().length > 0 ? headBytes : 0) + context * kvBytesPerToken;
    }

    /** Floating-point operations of this step's matrix products with weights. */
    long flops(ForwardBatch batch) {
        return 2 * (layerWeights * batch.numTokens() + headWeights * batch.rows().length);
    }

    private static long count(LinearWeights matrix) {
        return (long) matrix.rows() * matrix.columns();
    }
}
