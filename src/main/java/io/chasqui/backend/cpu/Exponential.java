package io.chasqui.backend.cpu;

/**
 * exp(x) in {@code float} from operations that IEEE 754 defines to the bit: x = n · ln 2 + r with
 * |r| ≤ ln 2 / 2, a polynomial of degree 6 in r, and a multiplication by 2ⁿ. The error is about one
 * unit in the last place. Results below the smallest normal number are 0; above {@link #HIGHEST}
 * the result is exp of that, near the largest float.
 */
final class Exponential {
    /** Below this the result is 0. */
    static final float LOWEST = -87.33f;

    /** Arguments are capped here, so that 2ⁿ stays a normal number. */
    static final float HIGHEST = 88.02f;

    static final float LOG2_E = 1.44269504f;

    /** 1.5 · 2²³: adding it rounds to an integer, which then lies in the low bits. */
    static final float ROUNDER = 0x1.8p23f;

    /** ln 2 in two parts; the first has few bits, so that n times it is exact. */
    static final float LN2_HIGH = 0.693359375f;

    static final float LN2_LOW = -2.12194440e-4f;

    // (exp(r) - 1 - r) / r² on |r| <= ln 2 / 2, minimax.
    static final float C2 = 5.0000001201e-1f;
    static final float C3 = 1.6666665459e-1f;
    static final float C4 = 4.1665795894e-2f;
    static final float C5 = 8.3334519073e-3f;
    static final float C6 = 1.3981999507e-3f;
    static final float C7 = 1.9875691500e-4f;

    private Exponential() {}

    static float exp(float x) {
        if (x < LOWEST) {
            return 0;
        }
        float capped = x > HIGHEST ? HIGHEST : x;
        float shifted = Math.fma(capped, LOG2_E, ROUNDER);
        float n = shifted - ROUNDER;
        float r = Math.fma(n, -LN2_HIGH, capped);
        r = Math.fma(n, -LN2_LOW, r);
        float p = Math.fma(C7, r, C6);
        p = Math.fma(p, r, C5);
        p = Math.fma(p, r, C4);
        p = Math.fma(p, r, C3);
        p = Math.fma(p, r, C2);
        p = Math.fma(p, r * r, r) + 1;
        int power = (Float.floatToRawIntBits(shifted) << 23) + 0x3f800000;
        return p * Float.intBitsToFloat(power);
    }
}
