package io.chasqui.backend.cpu;

/** out = x / √(mean(x²) + eps) · weight. */
final class RmsNorm {
    private RmsNorm() {}

    static void apply(
            Kernels kernels,
            float[] x,
            int xAt,
            float[] weight,
            float eps,
            float[] out,
            int outAt) {
        int n = weight.length;
        float meanSquare = kernels.sumOfSquares(x, xAt, n) / n;
        float scale = (float) (1 / Math.sqrt(meanSquare + eps));
        kernels.scaleRow(x, xAt, scale, weight, n, out, outAt);
    }
}
