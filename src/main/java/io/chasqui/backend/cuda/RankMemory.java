package io.chasqui.backend.cuda;

import io.chasqui.backend.MemoryPlan;
import io.chasqui.backend.RankShape;
import io.chasqui.backend.RankShape.Matrix;
import io.chasqui.backend.RankShape.MatrixSize;

/**
 * Bytes that a rank allocates on its device, in the layouts of {@code params.cuh}. Rank 0 needs the
 * most, since it holds the logits; all plan for as much.
 *
 * @param rank what the rank holds
 * @param tiedHead whether the output head is the embedding
 */
public record RankMemory(RankShape rank, boolean tiedHead) {
    private static final int TILE = 64;
    private static final int BF16 = 2;

    /** Weights in bf16. */
    public long weights() {
        return weights((matrix, _) -> (long) matrix.rows() * matrix.columns() * BF16);
    }

    /**
     * Weights of which a matrix, rounded up to whole tiles, takes {@code size}; norms are floats.
     */
    public long weights(MatrixSize size) {
        return rank.total(tiedHead, (matrix, layer) -> size.of(inTiles(matrix), layer))
                + rank.normElements() * Float.BYTES;
    }

    private static Matrix inTiles(Matrix matrix) {
        return new Matrix(matrix.role(), roundedUp(matrix.rows()), roundedUp(matrix.columns()));
    }

    private static int roundedUp(int value) {
        return Math.ceilDiv(value, TILE) * TILE;
    }

    /**
     * Activations and what a step reads and returns.
     *
     * @param maxTokens most tokens in a batch
     * @param maxRows most rows of logits in a batch
     */
    public long workspace(int maxTokens, int maxRows) {
        return WorkspaceSizes.of(rank, 0, maxTokens, maxRows).total();
    }

    /** Keys and values of one token. */
    public long kvBytesPerToken(int elementBytes) {
        return rank.kvElementsPerToken() * elementBytes;
    }

    /**
     * The plan of a device for weights in bf16.
     *
     * @param memory all that it has
     * @param usable the part that may be taken
     */
    public MemoryPlan plan(long memory, long usable, int maxTokens, int maxRows, int blockSize) {
        return new MemoryPlan(
                memory,
                usable,
                weights(),
                workspace(maxTokens, maxRows),
                kvBytesPerToken(BF16),
                blockSize);
    }
}
