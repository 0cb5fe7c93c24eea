package io.chasqui.backend;

/**
 * The stages of a Llama decoder, run over the batch of the pass under way. Stages, not elementary
 * ops: each is one or two fused kernels on a GPU and one or two parallel regions on a CPU.
 *
 * <p>The norm before a projection is given to the stage that makes its input, the residual stream:
 * there a GPU still has the row in registers, and an all-reduce has just summed it.
 *
 * <p>Batch invariance is part of the contract: what a stage computes for one token depends on that
 * token, its own sequence and the weights, bit for bit, and on nothing else: not on the other
 * tokens of the batch, their number, how a prompt was cut into steps, or the number of threads.
 */
public interface DecoderStages {

    /**
     * residual[t] = row tokens[t] of {@code embedding}.
     *
     * @param norm weights of the RMSNorm that the next projection applies to the residual
     */
    void embed(LinearWeights embedding, VectorWeights norm);

    /**
     * q, k, v = rmsnorm(residual) · qkvᵀ; q and k rotated to their position; k and v written to
     * {@code kv} at the token's slot.
     */
    void qkvProjection(LinearWeights qkv, KvCacheStorage kv, int layer);

    /**
     * attention[t] = softmax(q · Kᵀ / √headDim) · V over positions 0..positions[t] of t's sequence.
     */
    void attention(KvCacheStorage kv, int layer);

    /**
     * residual += attention · outputᵀ.
     *
     * @param norm weights of the RMSNorm that the next projection applies to the residual
     */
    void outputProjection(LinearWeights output, VectorWeights norm);

    /**
     * Inner activations = silu(a · gateᵀ) * (a · upᵀ), a = rmsnorm(residual). {@code gateUp} is
     * gate stacked on up.
     */
    void gateUp(LinearWeights gateUp);

    /**
     * residual += inner · downᵀ.
     *
     * @param norm weights of the RMSNorm that the next projection applies to the residual
     */
    void down(LinearWeights down, VectorWeights norm);

    /**
     * logits[i] = rmsnorm(residual[rows[i].tokenIndex]) · headᵀ; nothing when no rows are wanted.
     */
    void lmHead(LinearWeights head);
}
