package io.chasqui.backend.cuda;

/** The upper half of a {@code float}. */
final class Bf16 {
    private Bf16() {}

    /** Rounds to nearest, ties to even; NaN stays NaN. */
    static short of(float f) {
        int bits = Float.floatToRawIntBits(f);
        if (f != f) {
            return (short) (bits >>> 16 | 0x40);
        }
        return (short) ((bits + 0x7fff + (bits >>> 16 & 1)) >>> 16);
    }

    static float toFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }
}
