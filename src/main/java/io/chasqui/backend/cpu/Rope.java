package io.chasqui.backend.cpu;

/** Rotary position embedding: pair j of a head is elements (j, j + headDim / 2). */
final class Rope {
    private Rope() {}

    /**
     * Cosine and sine of position times frequency. The angle is rounded to {@code float} before the
     * function is taken, as the reference implementations do; {@code StrictMath} has the same bits
     * on every machine.
     */
    static void angles(int position, float[] frequencies, float[] cos, float[] sin, int at) {
        for (int j = 0; j < frequencies.length; j++) {
            float angle = position * frequencies[j];
            cos[at + j] = (float) StrictMath.cos(angle);
            sin[at + j] = (float) StrictMath.sin(angle);
        }
    }
}
