package io.chasqui.backend;

import io.chasqui.loader.LinearSource;
import java.util.List;

/**
 * A device that runs the stages of a Llama decoder over a ragged batch. Stages, not elementary ops:
 * each is one fused kernel on a GPU and one or two parallel regions on a CPU.
 *
 * <p>Batch invariance is part of the contract: what a stage computes for one token depends on that
 * token, its own sequence and the weights, bit for bit, and on nothing else: not on the other
 * tokens of the batch, their number, how a prompt was cut into steps, or the number of threads.
 *
 * <p>Weights are opaque: a backend packs them once and keeps the layout. One thread at a time may
 * call a backend.
 */
public interface Backend extends AutoCloseable {

    /** Short name for logs, e.g. {@code cpu-vector-512}. */
    String name();

    /**
     * Packs matrices that read the same input into one, rows stacked in the order given (q, k, v;
     * or gate, up). All have the same number of columns; types may differ.
     */
    LinearWeights packLinear(List<LinearSource> stacked);

    /** Packs a vector of {@code float} (norm weights). */
    VectorWeights packVector(float[] values);

    /**
     * Allocates everything a step needs; nothing grows afterwards.
     *
     * @param maxTokens most tokens in a batch
     * @param maxRows most logits rows in a batch
     */
    void allocateWorkspace(ModelShape shape, int maxTokens, int maxRows);

    /**
     * Bytes that the KV cache takes for one token, in all layers and with the backend's padding.
     */
    long kvCacheBytesPerToken(ModelShape shape, KvDType dtype);

    /** Allocates the KV cache; its storage is zeroed. */
    KvCacheStorage allocateKvCache(ModelShape shape, KvDType dtype, int numBlocks, int blockSize);

    /** Opens the pass of one step. */
    ForwardPass begin(ForwardBatch batch);

    /** residual[t] = row tokens[t] of {@code embedding}. */
    void embed(ForwardPass pass, LinearWeights embedding);

    /**
     * q, k, v = rmsnorm(residual, norm) · qkvᵀ; q and k rotated to their position; k and v written
     * to {@code kv} at the token's slot.
     */
    void qkvProjection(
            ForwardPass pass, VectorWeights norm, LinearWeights qkv, KvCacheStorage kv, int layer);

    /**
     * attention[t] = softmax(q · Kᵀ / √headDim) · V over positions 0..positions[t] of t's sequence.
     */
    void attention(ForwardPass pass, KvCacheStorage kv, int layer);

    /** residual += attention · outputᵀ. */
    void outputProjection(ForwardPass pass, LinearWeights output);

    /**
     * Inner activations = silu(a · gateᵀ) * (a · upᵀ), a = rmsnorm(residual, norm). {@code gateUp}
     * is gate stacked on up.
     */
    void gateUp(ForwardPass pass, VectorWeights norm, LinearWeights gateUp);

    /** residual += inner · downᵀ. */
    void down(ForwardPass pass, LinearWeights down);

    /** logits[i] = rmsnorm(residual[rows[i].tokenIndex], norm) · headᵀ. */
    void lmHead(ForwardPass pass, VectorWeights norm, LinearWeights head);

    /**
     * Turns each row of logits into a token.
     *
     * @param masks per row, a bit set of allowed token ids, or null for all; the array itself may
     *     be null
     */
    SampledToken[] sample(ForwardPass pass, long[][] masks);

    /** Copy of the residual stream, {@code [numTokens * hidden]}: for tests and diagnostics. */
    float[] readResidual(ForwardPass pass);

    /** Copy of the logits, {@code [rows][vocab]}: for tests and diagnostics. */
    float[][] readLogits(ForwardPass pass);

    @Override
    void close();
}
