package io.chasqui.backend.cpu;

import static io.chasqui.backend.cpu.Kernels.LANES;

import io.chasqui.backend.KvDType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** {@link AttentionKernels} in plain Java. */
final class ScalarAttentionKernels implements AttentionKernels {
    private static final int CHUNK = PagedAttention.CHUNK;

    private final boolean bf16;
    private final int bytes;

    ScalarAttentionKernels(KvDType dtype) {
        bf16 = dtype == KvDType.BF16;
        bytes = dtype.bytes();
    }

    private float load(MemorySegment data, long at) {
        return bf16
                ? Float.intBitsToFloat(data.get(ValueLayout.JAVA_SHORT, at) << 16)
                : data.get(ValueLayout.JAVA_FLOAT, at);
    }

    @Override
    public void scores(
            int heads,
            float[] q,
            int qAt,
            int headDim,
            MemorySegment keys,
            long[] tiles,
            int tileCount,
            float[] scores,
            int scoresAt) {
        for (int h = 0; h < heads; h++) {
            for (int j = 0; j < tileCount * LANES; j++) {
                long key = tiles[j / LANES] + (long) bytes * (j % LANES);
                float sum = 0;
                for (int d = 0; d < headDim; d++) {
                    float k = load(keys, key + (long) bytes * LANES * d);
                    sum = Math.fma(k, q[qAt + h * headDim + d], sum);
                }
                scores[scoresAt + h * CHUNK + j] = sum;
            }
        }
    }

    @Override
    public void accumulate(
            int heads,
            float[] p,
            int pAt,
            int n,
            MemorySegment values,
            long[] tiles,
            int stride,
            float[] correction,
            int correctionAt,
            float[] out,
            int outAt) {
        for (int h = 0; h < heads; h++) {
            for (int d = 0; d < stride; d++) {
                float sum = out[outAt + h * stride + d] * correction[correctionAt + h];
                for (int j = 0; j < n; j++) {
                    long value = tiles[j / LANES] + bytes * ((long) (j % LANES) * stride + d);
                    float v = load(values, value);
                    sum = Math.fma(v, p[pAt + h * CHUNK + j], sum);
                }
                out[outAt + h * stride + d] = sum;
            }
        }
    }
}
