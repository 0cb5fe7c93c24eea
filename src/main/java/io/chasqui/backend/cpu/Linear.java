package io.chasqui.backend.cpu;

/**
 * Products of the packed matrices on the worker pool: each worker with its own scratch, each band a
 * run of row tiles.
 */
final class Linear {
    private final MatMul matMul;
    private final MatMul.Scratch[] scratch;

    Linear(MatMul matMul, int workers, int maxTokens, int maxColumns) {
        this.matMul = matMul;
        scratch = new MatMul.Scratch[workers];
        for (int w = 0; w < workers; w++) {
            scratch[w] = matMul.newScratch(maxTokens, maxColumns);
        }
    }

    /** y = x · wᵀ for row tiles {@code [tile0, tile1)}, on the thread of {@code worker}. */
    void multiply(
            int worker, PackedMatrix w, PackedActivations x, int tile0, int tile1, float[] y) {
        matMul.multiply(w, x, tile0, tile1, scratch[worker], y, false);
    }

    /** y += x · wᵀ for row tiles {@code [tile0, tile1)}, on the thread of {@code worker}. */
    void multiplyAdd(
            int worker, PackedMatrix w, PackedActivations x, int tile0, int tile1, float[] y) {
        matMul.multiply(w, x, tile0, tile1, scratch[worker], y, true);
    }
}
