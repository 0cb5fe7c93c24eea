package io.chasqui.backend.cuda;

import io.chasqui.backend.RankShape;

/**
 * Bytes of each buffer that a step needs on a rank's device.
 *
 * @param step inputs of the step
 * @param residual {@code float [tokens, hidden]}
 * @param x {@code bf16 [tokens, hidden]}
 * @param squares {@code float [tokens, hidden / 16]}
 * @param queries {@code bf16 [tokens, heads, headDim]}
 * @param attention {@code bf16 [tokens, heads, headDim]}
 * @param states of attention's chunks
 * @param inner {@code bf16 [tokens, ffn]}
 * @param partial {@code float [tokens, hidden]}, of which there are two; nothing on one rank
 * @param reduced the rank's slice of their sum
 * @param flags counters that ranks meet at
 * @param sampled tokens that the last step sampled, by row
 * @param logits {@code float [rows, vocab]}, on rank 0 only, as all that follow
 * @param masks bit sets of allowed ids, by row
 * @param scratch of sampling
 * @param results of sampling
 */
record WorkspaceSizes(
        long step,
        long residual,
        long x,
        long squares,
        long queries,
        long attention,
        long states,
        long inner,
        long partial,
        long reduced,
        long flags,
        long sampled,
        long logits,
        long masks,
        long scratch,
        long results) {

    static final int SQUARES_GROUP = 16;

    /** Most logprobs that a row reports beside the chosen token's. */
    static final int MAX_TOP = 20;

    private static final int FLAG_BLOCKS = 128;
    private static final int BF16 = Short.BYTES;

    static WorkspaceSizes of(RankShape shape, int rank, int maxTokens, int maxRows) {
        long tokens = maxTokens;
        long rows = rank == 0 ? maxRows : 0;
        var model = shape.model();
        boolean alone = shape.ranks() == 1;
        long residual = tokens * model.hidden() * Float.BYTES;
        long groupBytes = SQUARES_GROUP * Float.BYTES;
        return new WorkspaceSizes(
                StepLayout.of(maxTokens, maxRows, model.vocab()).bytes(),
                residual,
                tokens * model.hidden() * BF16,
                tokens * (model.hidden() / SQUARES_GROUP) * Float.BYTES,
                tokens * shape.attention() * BF16,
                tokens * shape.attention() * BF16,
                AttentionPlanner.statesBytes(shape.heads(), model.headDim()),
                tokens * shape.ffn() * BF16,
                alone ? 0 : residual,
                alone ? 0 : Math.ceilDiv(residual / groupBytes, shape.ranks()) * groupBytes,
                alone ? 0 : (long) FLAG_BLOCKS * Peers.MAX_RANKS * Integer.BYTES,
                (long) maxRows * Integer.BYTES,
                rows * model.vocab() * Float.BYTES,
                rows * maskBytes(model.vocab()),
                rows * scratchBytes(model.vocab()),
                rows * SamplingResults.ROW_BYTES);
    }

    /** Of one row's bit set. */
    static long maskBytes(int vocab) {
        return (long) Math.ceilDiv(vocab, Integer.SIZE) * Integer.BYTES;
    }

    /** What sampling needs for one row: its logits again. */
    static long scratchBytes(int vocab) {
        return Math.ceilDiv((long) vocab * Float.BYTES, 16) * 16;
    }

    long total() {
        return step
                + residual
                + x
                + squares
                + queries
                + attention
                + states
                + inner
                + 2 * partial
                + reduced
                + flags
                + sampled
                + logits
                + masks
                + scratch
                + results;
    }
}
