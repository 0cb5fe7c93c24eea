package io.chasqui.backend.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.VectorSpecies;

/**
 * The inner loops of {@link VectorMatMul} over floats: decoding of scales and of weights without
 * scales, and products of decoded weights. Floats of a tile lie {@value PackedMatrix#TILE_ROWS}
 * rows a column or group. Lanes are rows, so the bits do not depend on the width of the vectors.
 */
interface TileKernels {
    /** Kernels on vectors of that width. */
    static TileKernels vector(VectorSpecies<Float> species) {
        return WidthTemplate.instantiate(VectorTileKernels.class, species);
    }

    /** Floats in a vector. */
    int lanes();

    /**
     * Decodes the scales of all groups of the tile at {@code tile} into {@code scales} from {@code
     * at}, and the minima, if any, into {@code minima}.
     */
    void scales(
            TileFormat format,
            int groups,
            MemorySegment w,
            long tile,
            float[] scales,
            float[] minima,
            int at);

    /** Decodes the weights of {@code columns} columns of a format without scales. */
    void weights(TileFormat format, MemorySegment w, long from, int columns, float[] target);

    /**
     * One token, F32 weights: y += w · x.
     *
     * @param c0 offset of the first word for the first of {@link CodeKernels#SINGLE_VECTORS}
     *     vectors of rows; likewise the others
     * @param y0 index of the totals of the first vector
     */
    void float32(
            MemorySegment w,
            long c0,
            long c1,
            long c2,
            long c3,
            int words,
            float[] x,
            float[] y,
            int y0);

    /** One token, BF16 weights: y += w · x. */
    void bfloat16(
            MemorySegment w,
            long c0,
            long c1,
            long c2,
            long c3,
            int words,
            float[] x,
            float[] y,
            int y0);

    /** One token, F16 weights: y += w · x. */
    void float16(
            MemorySegment w,
            long c0,
            long c1,
            long c2,
            long c3,
            int words,
            float[] x,
            float[] y,
            int y0);

    /** One token, decoded weights, one index per vector of rows: y += w · x. */
    void decoded(
            float[] w, int c0, int c1, int c2, int c3, int columns, float[] x, float[] y, int y0);

    /**
     * A token group, decoded weights without scales: y += w · x.
     *
     * @param w0 index of the weight of the first row, first column
     * @param x0 index of the input of the first token, first column
     * @param y0 index of the total of the first row, first token; tokens lie {@value
     *     PackedMatrix#TILE_ROWS} apart
     */
    void plain(float[] w, int w0, int columns, float[] x, int x0, float[] y, int y0);

    /** A token group, decoded codes, a scale per 32 columns: y += scales · (codes · x). */
    void grouped32(
            float[] w,
            int w0,
            int groups,
            float[] x,
            int x0,
            float[] sums,
            int sums0,
            float zero,
            float[] scales,
            int scales0,
            float[] y,
            int y0);

    /**
     * As {@link #grouped32} for two token groups at once, for CPUs of 32 vector registers.
     *
     * @param x1 index of the first input of the second group
     * @param sums1 index of the first sum of the second group
     * @param y0 as in {@link #grouped32}; totals of the second group follow those of the first
     */
    void groupedPair32(
            float[] w,
            int w0,
            int groups,
            float[] x,
            int x0,
            int x1,
            float[] sums,
            int sums0,
            int sums1,
            float zero,
            float[] scales,
            int scales0,
            float[] y,
            int y0);
}
