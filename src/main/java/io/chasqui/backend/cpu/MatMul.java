package io.chasqui.backend.cpu;

/**
 * Computes y = x · Wᵀ from packed weights and activations. Implementations are chosen once at
 * start; all of them yield the same bits.
 *
 * <p>The order of additions, for each token and row by itself: without scales, one chain of fused
 * multiply-adds over the columns from 0 up. With scales: first the chain over groups of minimum
 * times sum of the group's inputs, if the format has minima; then onto it, group by group, scale
 * times block sum, where a block sum is the chain over the group's columns of code times input that
 * starts at minus the zero code times the sum of the inputs. Nothing else enters: not the number of
 * tokens, not the band, not the thread.
 */
interface MatMul {
    /** For logs, e.g. {@code vector-512}. */
    String name();

    /** Working memory of one thread for products of up to {@code maxTokens x maxColumns} inputs. */
    Scratch newScratch(int maxTokens, int maxColumns);

    /**
     * Multiplies a band of row tiles. Bands may run on several threads at once, each with its own
     * scratch, and may cut the tiles anywhere.
     *
     * @param w weights {@code [rows, columns]}
     * @param x activations {@code [n, columns]}
     * @param tile0 first tile of the band
     * @param tile1 end of the band
     * @param y results {@code [n, rows]}
     * @param accumulate adds the finished products to y instead of storing them
     */
    void multiply(
            PackedMatrix w,
            PackedActivations x,
            int tile0,
            int tile1,
            Scratch scratch,
            float[] y,
            boolean accumulate);

    /** Working memory of one thread. */
    interface Scratch {}
}
