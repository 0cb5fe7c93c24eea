package io.chasqui.backend.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.VectorSpecies;

/**
 * The inner loops of {@link VectorMatMul}. Lanes are rows of a tile, so the bits do not depend on
 * the width of the vectors.
 *
 * <p>Three kinds: those that turn the words of a tile into floats, {@value PackedMatrix#TILE_ROWS}
 * rows a column or group; those for one token, which take the words as they are; those for a group
 * of {@value PackedActivations#TOKENS} tokens, which take decoded floats.
 */
interface TileKernels {
    /** Vectors of rows that the kernels for one token compute in one call. */
    int SINGLE_VECTORS = 4;

    /** Vectors of rows that the kernels for a token group compute in one call. */
    int GROUP_VECTORS = 2;

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

    /**
     * Decodes the codes, or the weights of a format without scales, of {@code columns} columns.
     *
     * @param from offset of the word of the first column
     * @param columns a multiple of 8 where codes are packed that tightly
     */
    void codes(TileFormat format, MemorySegment w, long from, int columns, float[] target, int at);

    /**
     * One token, codes of 8 bits: y += scales · (codes · x), see {@link MatMul}.
     *
     * @param c0 offset of the first word for the first vector of rows; likewise the others
     * @param groupWords words in a group
     * @param x inputs, input k divided by {@code 2^(8 (k % 2))}
     * @param sums of x, undivided, by group
     * @param s0 index of the first scale for the first vector of rows; likewise the others
     * @param y0 index of the totals of the first vector
     */
    void code8(
            MemorySegment w,
            long c0,
            long c1,
            long c2,
            long c3,
            int groups,
            int groupWords,
            float[] x,
            float[] sums,
            float zero,
            float[] scales,
            int s0,
            int s1,
            int s2,
            int s3,
            float[] y,
            int y0);

    /** As {@link #code8} with codes of 4 bits; input k divided by {@code 2^(4 (k % 4))}. */
    void code4(
            MemorySegment w,
            long c0,
            long c1,
            long c2,
            long c3,
            int groups,
            int groupWords,
            float[] x,
            float[] sums,
            float zero,
            float[] scales,
            int s0,
            int s1,
            int s2,
            int s3,
            float[] y,
            int y0);

    /** One token, F32 weights: y += w · x. */
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

    /** As {@link #grouped32} with a scale per 16 columns. */
    void grouped16(
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
}
