package io.chasqui.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Stored weights to {@code float}, bit for bit as gguf-py's {@code dequantize} computes them:
 * scales are widened to fp32 and every product and sum is rounded to fp32, without fused
 * operations.
 *
 * <p>Plain and obvious on purpose: it is what a backend's packed kernels are tested against, and
 * what reads the few tensors that need no kernel (norms).
 */
public final class Dequantizer {
    private static final int SUPERBLOCK = 256;
    private static final int CHUNK_BYTES = 1 << 14;

    private Dequantizer() {}

    /**
     * Decodes {@code count} elements.
     *
     * @param source holds the stored blocks
     * @param byteOffset where the first block starts in {@code source}
     * @param target receives the values from {@code targetOffset} on
     * @param count elements, a multiple of the type's block
     * @throws IllegalArgumentException if {@code count} does not fill blocks
     * @throws IndexOutOfBoundsException if the source or the target is too short
     */
    public static void dequantize(
            DType type,
            MemorySegment source,
            long byteOffset,
            float[] target,
            int targetOffset,
            int count) {
        if (count % type.blockElements() != 0) {
            throw new IllegalArgumentException(
                    count + " elements do not fill " + type + " blocks of " + type.blockElements());
        }
        int blockBytes = type.blockBytes();
        int blocks = count / type.blockElements();
        int chunkBlocks = CHUNK_BYTES / blockBytes;
        byte[] chunk = new byte[Math.min(blocks, chunkBlocks) * blockBytes];
        for (int done = 0; done < blocks; done += chunkBlocks) {
            int n = Math.min(chunkBlocks, blocks - done);
            MemorySegment.copy(
                    source,
                    ValueLayout.JAVA_BYTE,
                    byteOffset + (long) done * blockBytes,
                    chunk,
                    0,
                    n * blockBytes);
            decode(type, chunk, n, target, targetOffset + done * type.blockElements());
        }
    }

    private static void decode(DType type, byte[] in, int blocks, float[] out, int to) {
        switch (type) {
            case F32 -> f32(in, blocks, out, to);
            case F16 -> f16(in, blocks, out, to);
            case BF16 -> bf16(in, blocks, out, to);
            case Q4_0 -> q40(in, blocks, out, to);
            case Q4_1 -> q41(in, blocks, out, to);
            case Q8_0 -> q80(in, blocks, out, to);
            case Q4_K -> q4K(in, blocks, out, to);
            case Q5_K -> q5K(in, blocks, out, to);
            case Q6_K -> q6K(in, blocks, out, to);
        }
    }

    private static void f32(byte[] in, int n, float[] out, int to) {
        for (int i = 0, at = 0; i < n; i++, at += 4) {
            int bits = u16(in, at) | u16(in, at + 2) << 16;
            out[to + i] = Float.intBitsToFloat(bits);
        }
    }

    private static void f16(byte[] in, int n, float[] out, int to) {
        for (int i = 0; i < n; i++) {
            out[to + i] = half(in, 2 * i);
        }
    }

    private static void bf16(byte[] in, int n, float[] out, int to) {
        for (int i = 0; i < n; i++) {
            out[to + i] = Float.intBitsToFloat(u16(in, 2 * i) << 16);
        }
    }

    /** d, 16 bytes of nibbles: low ones are elements 0–15, high ones 16–31. */
    private static void q40(byte[] in, int blocks, float[] out, int to) {
        for (int b = 0, at = 0; b < blocks; b++, at += 18, to += 32) {
            float d = half(in, at);
            for (int i = 0; i < 16; i++) {
                int q = in[at + 2 + i];
                out[to + i] = ((q & 15) - 8) * d;
                out[to + 16 + i] = ((q >> 4 & 15) - 8) * d;
            }
        }
    }

    /** d, m, nibbles as in Q4_0. */
    private static void q41(byte[] in, int blocks, float[] out, int to) {
        for (int b = 0, at = 0; b < blocks; b++, at += 20, to += 32) {
            float d = half(in, at);
            float m = half(in, at + 2);
            for (int i = 0; i < 16; i++) {
                int q = in[at + 4 + i];
                out[to + i] = (q & 15) * d + m;
                out[to + 16 + i] = (q >> 4 & 15) * d + m;
            }
        }
    }

    /** d, 32 signed bytes. */
    private static void q80(byte[] in, int blocks, float[] out, int to) {
        for (int b = 0, at = 0; b < blocks; b++, at += 34, to += 32) {
            float d = half(in, at);
            for (int i = 0; i < 32; i++) {
                out[to + i] = in[at + 2 + i] * d;
            }
        }
    }

    /** d, dmin, 12 bytes of 6-bit scales and minima, 128 bytes of nibbles. */
    private static void q4K(byte[] in, int blocks, float[] out, int to) {
        for (int b = 0, at = 0; b < blocks; b++, at += 144, to += SUPERBLOCK) {
            float d = half(in, at);
            float dmin = half(in, at + 2);
            for (int j = 0; j < 8; j++) {
                float scale = d * scaleK4(in, at + 4, j);
                float min = dmin * minK4(in, at + 4, j);
                int qs = at + 16 + 32 * (j / 2);
                int shift = 4 * (j % 2);
                for (int l = 0; l < 32; l++) {
                    out[to + 32 * j + l] = scale * (in[qs + l] >> shift & 15) - min;
                }
            }
        }
    }

    /** As Q4_K, with a fifth bit per element in 32 bytes before the nibbles. */
    private static void q5K(byte[] in, int blocks, float[] out, int to) {
        for (int b = 0, at = 0; b < blocks; b++, at += 176, to += SUPERBLOCK) {
            float d = half(in, at);
            float dmin = half(in, at + 2);
            int qh = at + 16;
            for (int j = 0; j < 8; j++) {
                float scale = d * scaleK4(in, at + 4, j);
                float min = dmin * minK4(in, at + 4, j);
                int qs = at + 48 + 32 * (j / 2);
                int shift = 4 * (j % 2);
                for (int l = 0; l < 32; l++) {
                    int q = in[qs + l] >> shift & 15 | (in[qh + l] >> j & 1) << 4;
                    out[to + 32 * j + l] = scale * q - min;
                }
            }
        }
    }

    /** 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales, d. */
    private static void q6K(byte[] in, int blocks, float[] out, int to) {
        for (int b = 0, at = 0; b < blocks; b++, at += 210, to += SUPERBLOCK) {
            float d = half(in, at + 208);
            for (int s = 0; s < 16; s++) {
                int k = s / 2;
                int from = 16 * (s & 1);
                int ql = at + 64 * (k / 4) + 32 * (k & 1) + from;
                int qh = at + 128 + 32 * (k / 4) + from;
                int lowShift = k % 4 < 2 ? 0 : 4;
                int highShift = 2 * (k % 4);
                float scale = d * in[at + 192 + s];
                for (int l = 0; l < 16; l++) {
                    int low = in[ql + l] >> lowShift & 15;
                    int high = in[qh + l] >> highShift & 3;
                    out[to + 16 * s + l] = scale * ((low | high << 4) - 32);
                }
            }
        }
    }

    /** Scale of sub-block {@code j} among the packed 6-bit pairs of Q4_K and Q5_K. */
    private static int scaleK4(byte[] in, int s, int j) {
        return j < 4 ? in[s + j] & 63 : in[s + j + 4] & 15 | (in[s + j - 4] >> 6 & 3) << 4;
    }

    /** Minimum of sub-block {@code j}. */
    private static int minK4(byte[] in, int s, int j) {
        return j < 4 ? in[s + j + 4] & 63 : in[s + j + 4] >> 4 & 15 | (in[s + j] >> 6 & 3) << 4;
    }

    private static float half(byte[] in, int at) {
        return Float.float16ToFloat((short) u16(in, at));
    }

    private static int u16(byte[] in, int at) {
        return in[at] & 255 | (in[at + 1] & 255) << 8;
    }
}
