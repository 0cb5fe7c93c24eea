package io.chasqui.model;

/**
 * Rotary angle per position of each rotated pair. Computed in fp32 step by step as transformers
 * does, so that angles at far positions agree with what models were trained and compared with.
 */
final class RopeFrequencies {
    private RopeFrequencies() {}

    /** {@code theta^(-2i/headDim)}, {@code [headDim / 2]}. */
    static float[] unscaled(int headDim, double theta) {
        var frequencies = new float[headDim / 2];
        for (int i = 0; i < frequencies.length; i++) {
            float exponent = 2f * i / headDim;
            frequencies[i] = 1f / (float) Math.pow(theta, exponent);
        }
        return frequencies;
    }

    /**
     * Llama 3.1's scaling: wavelengths beyond {@code original / low} are stretched by {@code
     * factor}, those under {@code original / high} kept, those between blended.
     */
    static float[] llama3(float[] unscaled, Llama3Scaling scaling) {
        var scaled = new float[unscaled.length];
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] = scaling.apply(unscaled[i]);
        }
        return scaled;
    }

    /** Each frequency divided by its divisor, as the {@code rope_freqs} of a GGUF file ask. */
    static float[] divided(float[] unscaled, float[] divisors) {
        var scaled = new float[unscaled.length];
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] = unscaled[i] / divisors[i];
        }
        return scaled;
    }

    /**
     * @param factor how far long wavelengths are stretched
     * @param low wavelengths longer than {@code original / low} are stretched in full
     * @param high wavelengths shorter than {@code original / high} are kept
     * @param original context length before scaling
     */
    record Llama3Scaling(double factor, double low, double high, long original) {

        float apply(float frequency) {
            float wavelength = (float) (2 * Math.PI) / frequency;
            if (wavelength > (float) (original / low)) {
                return frequency / (float) factor;
            }
            if (wavelength < (float) (original / high)) {
                return frequency;
            }
            float smooth = (original / wavelength - (float) low) / (float) (high - low);
            return (1 - smooth) * frequency / (float) factor + smooth * frequency;
        }
    }
}
