package io.chasqui.backend.cpu;

import io.chasqui.backend.KvDType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** {@link Kernels} in plain Java: the twin that the vector kernels must equal bit for bit. */
final class ScalarKernels implements Kernels {
    @Override
    public String name() {
        return "scalar";
    }

    @Override
    public float sumOfSquares(float[] x, int at, int n) {
        float[] partial = new float[LANES];
        for (int i = 0; i < n; i++) {
            float v = x[at + i];
            partial[i % LANES] = Math.fma(v, v, partial[i % LANES]);
        }
        return tree(partial);
    }

    private static float tree(float[] partial) {
        for (int half = LANES / 2; half > 0; half /= 2) {
            for (int i = 0; i < half; i++) {
                partial[i] += partial[i + half];
            }
        }
        return partial[0];
    }

    @Override
    public void scaleRow(
            float[] x, int xAt, float scale, float[] weight, int n, float[] out, int outAt) {
        for (int i = 0; i < n; i++) {
            out[outAt + i] = x[xAt + i] * scale * weight[i];
        }
    }

    @Override
    public void rotate(float[] x, int at, int half, float[] cos, float[] sin, int tableAt) {
        for (int j = 0; j < half; j++) {
            float a = x[at + j];
            float b = x[at + half + j];
            float c = cos[tableAt + j];
            float s = sin[tableAt + j];
            x[at + j] = Math.fma(a, c, -(b * s));
            x[at + half + j] = Math.fma(b, c, a * s);
        }
    }

    @Override
    public void swiGlu(
            float[] gate, int gateAt, float[] up, int upAt, float[] out, int outAt, int n) {
        for (int i = 0; i < n; i++) {
            float g = gate[gateAt + i];
            out[outAt + i] = g / (1 + Exponential.exp(-g)) * up[upAt + i];
        }
    }

    @Override
    public void add(float[] x, int xAt, float[] y, int yAt, int n) {
        for (int i = 0; i < n; i++) {
            x[xAt + i] += y[yAt + i];
        }
    }

    @Override
    public void widen(MemorySegment bf16, long from, MemorySegment f32, long to, int n) {
        for (int i = 0; i < n; i++) {
            int bits = bf16.get(ValueLayout.JAVA_SHORT, from + 2L * i) << 16;
            f32.set(ValueLayout.JAVA_INT, to + 4L * i, bits);
        }
    }

    @Override
    public AttentionKernels attention(KvDType dtype) {
        return new ScalarAttentionKernels(dtype);
    }

    @Override
    public void fold(
            float[] total, int totalAt, float a, float[] part, int partAt, float b, int n) {
        for (int i = 0; i < n; i++) {
            total[totalAt + i] = Math.fma(part[partAt + i], b, total[totalAt + i] * a);
        }
    }

    @Override
    public void scale(float[] x, int xAt, float scale, float[] out, int outAt, int n) {
        for (int i = 0; i < n; i++) {
            out[outAt + i] = x[xAt + i] * scale;
        }
    }

    @Override
    public void exp(float[] x, int xAt, float shift, float scale, float[] out, int outAt, int n) {
        for (int i = 0; i < n; i++) {
            out[outAt + i] = Exponential.exp((x[xAt + i] - shift) * scale);
        }
    }

    @Override
    public float sum(float[] x, int at, int n) {
        float[] partial = new float[LANES];
        for (int i = 0; i < n; i++) {
            partial[i % LANES] += x[at + i];
        }
        return tree(partial);
    }

    @Override
    public float max(float[] x, int at, int n) {
        float max = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < n; i++) {
            max = Math.max(max, x[at + i]);
        }
        return max;
    }

    @Override
    public float finiteMax(float[] x, int at, int n) {
        for (int i = 0; i < n; i++) {
            if (!Float.isFinite(x[at + i])) {
                return Float.NaN;
            }
        }
        return max(x, at, n);
    }

    @Override
    public int select(float[] x, int at, int n, float threshold, int[] indices, int count) {
        for (int i = 0; i < n; i++) {
            if (x[at + i] >= threshold) {
                indices[count++] = i;
            }
        }
        return count;
    }
}
