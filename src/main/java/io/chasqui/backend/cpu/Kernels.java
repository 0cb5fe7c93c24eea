package io.chasqui.backend.cpu;

import io.chasqui.backend.KvDType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.VectorSpecies;

/**
 * The inner loops of all stages but the matrix products. Scalar and vector providers, of whatever
 * width, yield the same bits: every sum has one order, fixed here and not by the width.
 *
 * <p>Sums run over 16 partial sums, element i going to partial i % 16 in ascending order, which are
 * then folded by halves: i with i + 8, with i + 4, with i + 2, with i + 1. Products that are added
 * are fused. The exponential is a polynomial of fused multiply-adds ({@link Exponential}); nothing
 * comes from a mathematics library, whose answers change when the compiler takes over.
 */
interface Kernels {
    /** Partial sums of every reduction. */
    int LANES = 16;

    /**
     * Kernels on vectors of that width.
     *
     * @throws IllegalArgumentException unless a vector has 8 or 16 floats
     */
    static Kernels vector(VectorSpecies<Float> species) {
        if (species.length() != LANES && species.length() != LANES / 2) {
            throw new IllegalArgumentException(
                    "no kernels for vectors of " + species.vectorBitSize() + " bits");
        }
        return WidthTemplate.instantiate(VectorKernels.class, species);
    }

    /** Short name for logs, e.g. {@code vector-512}. */
    String name();

    /** Sum of x². */
    float sumOfSquares(float[] x, int at, int n);

    /** out = (x · scale) · weight, elementwise. */
    void scaleRow(float[] x, int xAt, float scale, float[] weight, int n, float[] out, int outAt);

    /** Rotates the pairs (x[j], x[j + half]) by the angles whose cosine and sine are given. */
    void rotate(float[] x, int at, int half, float[] cos, float[] sin, int tableAt);

    /** out = silu(gate) · up, elementwise. */
    void swiGlu(float[] gate, int gateAt, float[] up, int upAt, float[] out, int outAt, int n);

    /** x += y. */
    void add(float[] x, int xAt, float[] y, int yAt, int n);

    /** Widens {@code n} BF16 values, n a multiple of 16, at byte offsets. */
    void widen(MemorySegment bf16, long from, MemorySegment f32, long to, int n);

    /** The kernels of attention over keys and values of that type. */
    AttentionKernels attention(KvDType dtype);

    /** total = total · a + part · b. */
    void fold(float[] total, int totalAt, float a, float[] part, int partAt, float b, int n);

    /** out = x · scale. */
    void scale(float[] x, int xAt, float scale, float[] out, int outAt, int n);

    /** out = exp((x − shift) · scale). */
    void exp(float[] x, int xAt, float shift, float scale, float[] out, int outAt, int n);

    /** Sum of x. */
    float sum(float[] x, int at, int n);

    /** Largest element, NaN if one is NaN; -infinity when empty. */
    float max(float[] x, int at, int n);

    /** Largest element, or NaN if any is NaN or infinite. */
    float finiteMax(float[] x, int at, int n);

    /**
     * Appends the indices (relative to {@code at}) of elements not below the threshold, ascending.
     *
     * @return the new number of indices
     */
    int select(float[] x, int at, int n, float threshold, int[] indices, int count);
}
