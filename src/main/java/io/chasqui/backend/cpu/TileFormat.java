package io.chasqui.backend.cpu;

import io.chasqui.quant.DType;

/**
 * How a tile holds its weights: codes of {@code bits} bits in 32-bit words, and per group of
 * columns a scale and perhaps a minimum. A weight is {@code scale * (code - zero)}, or {@code scale
 * * code + minimum}.
 *
 * <p>Codes are unsigned, so that a mask and a conversion yield them as floats; signed formats are
 * shifted by {@code zero}. Scales keep the width of the checkpoint: F16 as F16; the products of
 * K-quants, exact in F32, as F32.
 */
enum TileFormat {
    F32(32, 0, 0, ScaleType.NONE, false),
    BF16(16, 0, 0, ScaleType.NONE, false),
    F16(16, 0, 0, ScaleType.NONE, false),
    /** Q8_0. */
    CODE8(8, 32, 128, ScaleType.F16, false),
    /** Q6_K. */
    CODE8_K6(8, 16, 32, ScaleType.F32, false),
    /** Q5_K. */
    CODE8_MIN(8, 32, 0, ScaleType.F32, true),
    /** Q4_0. */
    CODE4(4, 32, 8, ScaleType.F16, false),
    /** Q4_1. */
    CODE4_MIN(4, 32, 0, ScaleType.F16, true),
    /** Q4_K. */
    CODE4_K(4, 32, 0, ScaleType.F32, true);

    /** How scales and minima are stored. */
    enum ScaleType {
        NONE,
        F16,
        F32
    }

    /** Bits of one code. */
    final int bits;

    /** Columns that share a scale; 0 for formats without scales. */
    final int group;

    /** Code of the weight 0 in formats without minimum. */
    final int zero;

    final ScaleType scales;
    final boolean minimum;

    TileFormat(int bits, int group, int zero, ScaleType scales, boolean minimum) {
        this.bits = bits;
        this.group = group;
        this.zero = zero;
        this.scales = scales;
        this.minimum = minimum;
    }

    static TileFormat of(DType dtype) {
        return switch (dtype) {
            case F32 -> F32;
            case F16 -> F16;
            case BF16 -> BF16;
            case Q8_0 -> CODE8;
            case Q6_K -> CODE8_K6;
            case Q5_K -> CODE8_MIN;
            case Q4_0 -> CODE4;
            case Q4_1 -> CODE4_MIN;
            case Q4_K -> CODE4_K;
        };
    }

    boolean grouped() {
        return group != 0;
    }

    /** Codes in one 32-bit word. */
    int codesPerWord() {
        return 32 / bits;
    }

    /** Groups of a row of {@code columns}. */
    int groups(int columns) {
        return grouped() ? columns / group : 0;
    }

    /** Words per row that hold scales and minima. */
    int scaleWords(int columns) {
        int groups = groups(columns);
        return switch (scales) {
            case NONE -> 0;
            case F16 -> minimum ? groups : (groups + 1) / 2;
            case F32 -> minimum ? 2 * groups : groups;
        };
    }

    /** Words per row that hold codes. */
    int codeWords(int columns) {
        return (columns + codesPerWord() - 1) / codesPerWord();
    }
}
