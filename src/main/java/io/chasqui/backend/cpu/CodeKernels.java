package io.chasqui.backend.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.VectorSpecies;

/**
 * The inner loops of {@link VectorMatMul} over codes of one width. Lanes are rows of a tile, so the
 * bits do not depend on the width of the vectors.
 */
interface CodeKernels {
    /** Vectors of rows that {@link #single} computes. */
    int SINGLE_VECTORS = 4;

    /** Vectors of rows that {@link #group} and {@link #pair} compute. */
    int GROUP_VECTORS = 2;

    /** What an implementation is specialised for: vectors, and bits of a code (8 or 4). */
    record Width(VectorSpecies<Float> species, int bits) {}

    /** Kernels on vectors of that width for codes of {@code bits} bits. */
    static CodeKernels vector(VectorSpecies<Float> species, int bits) {
        return WidthTemplate.instantiate(VectorCodeKernels.class, new Width(species, bits));
    }

    /** Decodes words of all rows of a tile to floats, {@value PackedMatrix#TILE_ROWS} a column. */
    void decode(MemorySegment w, long from, int words, float[] target);

    /**
     * One token: y += scales · (codes · x), see {@link MatMul}.
     *
     * @param c0 offset of the first word for the first vector of rows; likewise the others
     * @param groupWords words in a group
     * @param x inputs, divided as {@link PackedActivations#scaled} says
     * @param sums of x, undivided, by group
     * @param s0 index of the first scale for the first vector of rows; likewise the others; scales
     *     of the next group follow {@value PackedMatrix#TILE_ROWS} later
     * @param y0 index of the totals of the first of four vectors
     */
    void single(
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

    /**
     * A token group: y += scales · (codes · x), see {@link MatMul}.
     *
     * @param c0 offset of the first word for the first vector of rows; likewise the other
     * @param x0 index of the input of the first token, first column
     * @param sums0 index of the sum of the first token, first group
     * @param scales0 index of the scale of the first row, first group
     * @param y0 index of the total of the first row, first token; tokens lie {@value
     *     PackedMatrix#TILE_ROWS} apart
     */
    void group(
            MemorySegment w,
            long c0,
            long c1,
            int groups,
            int groupWords,
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
     * As {@link #group} for two token groups at once, for CPUs of 32 vector registers.
     *
     * @param x1 index of the first input of the second group
     * @param sums1 index of the first sum of the second group
     * @param y0 as in {@link #group}; totals of the second group follow those of the first
     */
    void pair(
            MemorySegment w,
            long c0,
            long c1,
            int groups,
            int groupWords,
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
