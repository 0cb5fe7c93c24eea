package io.chasqui.backend.cpu;

import static io.chasqui.backend.cpu.Kernels.LANES;

import io.chasqui.backend.KvDType;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link AttentionKernels} on the Vector API. A {@link WidthTemplate}, defined for each width and
 * element type: use {@link AttentionKernels#vector}.
 */
final class VectorAttentionKernels implements AttentionKernels {
    private static final Variant VARIANT =
            WidthTemplate.classData(MethodHandles.lookup(), Variant.class);
    private static final VectorSpecies<Float> S = VARIANT.species();
    private static final VectorSpecies<Integer> INTS = S.withLanes(int.class);
    private static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(S.vectorBitSize() / 2));
    private static final int L = S.length();

    /** Whether a tile of 16 positions is one vector; else it is two. */
    private static final boolean ONE = L == LANES;

    private static final boolean BF16 = VARIANT.dtype() == KvDType.BF16;
    private static final int BYTES = VARIANT.dtype().bytes();

    /** Bytes from one element of 16 keys to the next. */
    private static final long KEY_ROW = (long) LANES * BYTES;

    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final int CHUNK = PagedAttention.CHUNK;

    /** What a class of these kernels is defined for. */
    record Variant(VectorSpecies<Float> species, KvDType dtype) {}

    VectorAttentionKernels() {}

    private static FloatVector load(MemorySegment data, long at) {
        if (!BF16) {
            return FloatVector.fromMemorySegment(S, data, at, ORDER);
        }
        var stored = ShortVector.fromMemorySegment(SHORTS, data, at, ORDER);
        var wide = (IntVector) stored.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
        return wide.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
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
        // Two vectors of positions at a time: two tiles of 16, or the halves of one.
        int step = ONE ? 2 : 1;
        for (int t = 0; t < tileCount; t += step) {
            long a = tiles[t];
            long b = ONE ? tiles[t + 1] : a + BYTES * L;
            int at = scoresAt + t * LANES;
            switch (heads) {
                case 1 -> scores1(q, qAt, headDim, keys, a, b, scores, at);
                case 3 -> scores3(q, qAt, headDim, keys, a, b, scores, at);
                default -> scores4(q, qAt, headDim, keys, a, b, scores, at);
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
        int c = correctionAt;
        for (int d = 0; d < stride; d += 2 * L) {
            switch (heads) {
                case 1 ->
                        accumulate1(p, pAt, n, values, tiles, stride, correction, c, out, outAt, d);
                case 3 ->
                        accumulate3(p, pAt, n, values, tiles, stride, correction, c, out, outAt, d);
                default ->
                        accumulate4(p, pAt, n, values, tiles, stride, correction, c, out, outAt, d);
            }
        }
    }

    private static void scores1(
            float[] q,
            int q0,
            int headDim,
            MemorySegment keys,
            long tileA,
            long tileB,
            float[] scores,
            int at) {
        FloatVector a0 = FloatVector.zero(S);
        FloatVector b0 = FloatVector.zero(S);
        for (int d = 0; d < headDim; d++) {
            var keyA = load(keys, tileA + KEY_ROW * d);
            var keyB = load(keys, tileB + KEY_ROW * d);
            var x0 = FloatVector.broadcast(S, q[q0 + d]);
            a0 = keyA.fma(x0, a0);
            b0 = keyB.fma(x0, b0);
        }
        a0.intoArray(scores, at);
        b0.intoArray(scores, at + L);
    }

    private static void scores3(
            float[] q,
            int q0,
            int headDim,
            MemorySegment keys,
            long tileA,
            long tileB,
            float[] scores,
            int at) {
        FloatVector a0 = FloatVector.zero(S);
        FloatVector b0 = FloatVector.zero(S);
        FloatVector a1 = FloatVector.zero(S);
        FloatVector b1 = FloatVector.zero(S);
        FloatVector a2 = FloatVector.zero(S);
        FloatVector b2 = FloatVector.zero(S);
        int q1 = q0 + headDim;
        int q2 = q1 + headDim;
        for (int d = 0; d < headDim; d++) {
            var keyA = load(keys, tileA + KEY_ROW * d);
            var keyB = load(keys, tileB + KEY_ROW * d);
            var x0 = FloatVector.broadcast(S, q[q0 + d]);
            a0 = keyA.fma(x0, a0);
            b0 = keyB.fma(x0, b0);
            var x1 = FloatVector.broadcast(S, q[q1 + d]);
            a1 = keyA.fma(x1, a1);
            b1 = keyB.fma(x1, b1);
            var x2 = FloatVector.broadcast(S, q[q2 + d]);
            a2 = keyA.fma(x2, a2);
            b2 = keyB.fma(x2, b2);
        }
        a0.intoArray(scores, at);
        b0.intoArray(scores, at + L);
        a1.intoArray(scores, at + CHUNK);
        b1.intoArray(scores, at + CHUNK + L);
        a2.intoArray(scores, at + 2 * CHUNK);
        b2.intoArray(scores, at + 2 * CHUNK + L);
    }

    private static void scores4(
            float[] q,
            int q0,
            int headDim,
            MemorySegment keys,
            long tileA,
            long tileB,
            float[] scores,
            int at) {
        FloatVector a0 = FloatVector.zero(S);
        FloatVector b0 = FloatVector.zero(S);
        FloatVector a1 = FloatVector.zero(S);
        FloatVector b1 = FloatVector.zero(S);
        FloatVector a2 = FloatVector.zero(S);
        FloatVector b2 = FloatVector.zero(S);
        FloatVector a3 = FloatVector.zero(S);
        FloatVector b3 = FloatVector.zero(S);
        int q1 = q0 + headDim;
        int q2 = q1 + headDim;
        int q3 = q2 + headDim;
        for (int d = 0; d < headDim; d++) {
            var keyA = load(keys, tileA + KEY_ROW * d);
            var keyB = load(keys, tileB + KEY_ROW * d);
            var x0 = FloatVector.broadcast(S, q[q0 + d]);
            a0 = keyA.fma(x0, a0);
            b0 = keyB.fma(x0, b0);
            var x1 = FloatVector.broadcast(S, q[q1 + d]);
            a1 = keyA.fma(x1, a1);
            b1 = keyB.fma(x1, b1);
            var x2 = FloatVector.broadcast(S, q[q2 + d]);
            a2 = keyA.fma(x2, a2);
            b2 = keyB.fma(x2, b2);
            var x3 = FloatVector.broadcast(S, q[q3 + d]);
            a3 = keyA.fma(x3, a3);
            b3 = keyB.fma(x3, b3);
        }
        a0.intoArray(scores, at);
        b0.intoArray(scores, at + L);
        a1.intoArray(scores, at + CHUNK);
        b1.intoArray(scores, at + CHUNK + L);
        a2.intoArray(scores, at + 2 * CHUNK);
        b2.intoArray(scores, at + 2 * CHUNK + L);
        a3.intoArray(scores, at + 3 * CHUNK);
        b3.intoArray(scores, at + 3 * CHUNK + L);
    }

    private static void accumulate1(
            float[] p,
            int p0,
            int n,
            MemorySegment values,
            long[] tiles,
            int stride,
            float[] correction,
            int c,
            float[] out,
            int out0,
            int d) {
        FloatVector a0 = FloatVector.fromArray(S, out, out0 + d).mul(correction[c]);
        FloatVector b0 = FloatVector.fromArray(S, out, out0 + d + L).mul(correction[c]);
        long rowBytes = (long) BYTES * stride;
        for (int j = 0; j < n; j++) {
            long row = tiles[j / LANES] + (j % LANES) * rowBytes + (long) BYTES * d;
            var valueA = load(values, row);
            var valueB = load(values, row + BYTES * L);
            var x0 = FloatVector.broadcast(S, p[p0 + j]);
            a0 = valueA.fma(x0, a0);
            b0 = valueB.fma(x0, b0);
        }
        a0.intoArray(out, out0 + d);
        b0.intoArray(out, out0 + d + L);
    }

    private static void accumulate3(
            float[] p,
            int p0,
            int n,
            MemorySegment values,
            long[] tiles,
            int stride,
            float[] correction,
            int c,
            float[] out,
            int out0,
            int d) {
        int out1 = out0 + stride;
        int p1 = p0 + CHUNK;
        int out2 = out1 + stride;
        int p2 = p1 + CHUNK;
        FloatVector a0 = FloatVector.fromArray(S, out, out0 + d).mul(correction[c]);
        FloatVector b0 = FloatVector.fromArray(S, out, out0 + d + L).mul(correction[c]);
        FloatVector a1 = FloatVector.fromArray(S, out, out1 + d).mul(correction[c + 1]);
        FloatVector b1 = FloatVector.fromArray(S, out, out1 + d + L).mul(correction[c + 1]);
        FloatVector a2 = FloatVector.fromArray(S, out, out2 + d).mul(correction[c + 2]);
        FloatVector b2 = FloatVector.fromArray(S, out, out2 + d + L).mul(correction[c + 2]);
        long rowBytes = (long) BYTES * stride;
        for (int j = 0; j < n; j++) {
            long row = tiles[j / LANES] + (j % LANES) * rowBytes + (long) BYTES * d;
            var valueA = load(values, row);
            var valueB = load(values, row + BYTES * L);
            var x0 = FloatVector.broadcast(S, p[p0 + j]);
            a0 = valueA.fma(x0, a0);
            b0 = valueB.fma(x0, b0);
            var x1 = FloatVector.broadcast(S, p[p1 + j]);
            a1 = valueA.fma(x1, a1);
            b1 = valueB.fma(x1, b1);
            var x2 = FloatVector.broadcast(S, p[p2 + j]);
            a2 = valueA.fma(x2, a2);
            b2 = valueB.fma(x2, b2);
        }
        a0.intoArray(out, out0 + d);
        b0.intoArray(out, out0 + d + L);
        a1.intoArray(out, out1 + d);
        b1.intoArray(out, out1 + d + L);
        a2.intoArray(out, out2 + d);
        b2.intoArray(out, out2 + d + L);
    }

    private static void accumulate4(
            float[] p,
            int p0,
            int n,
            MemorySegment values,
            long[] tiles,
            int stride,
            float[] correction,
            int c,
            float[] out,
            int out0,
            int d) {
        int out1 = out0 + stride;
        int p1 = p0 + CHUNK;
        int out2 = out1 + stride;
        int p2 = p1 + CHUNK;
        int out3 = out2 + stride;
        int p3 = p2 + CHUNK;
        FloatVector a0 = FloatVector.fromArray(S, out, out0 + d).mul(correction[c]);
        FloatVector b0 = FloatVector.fromArray(S, out, out0 + d + L).mul(correction[c]);
        FloatVector a1 = FloatVector.fromArray(S, out, out1 + d).mul(correction[c + 1]);
        FloatVector b1 = FloatVector.fromArray(S, out, out1 + d + L).mul(correction[c + 1]);
        FloatVector a2 = FloatVector.fromArray(S, out, out2 + d).mul(correction[c + 2]);
        FloatVector b2 = FloatVector.fromArray(S, out, out2 + d + L).mul(correction[c + 2]);
        FloatVector a3 = FloatVector.fromArray(S, out, out3 + d).mul(correction[c + 3]);
        FloatVector b3 = FloatVector.fromArray(S, out, out3 + d + L).mul(correction[c + 3]);
        long rowBytes = (long) BYTES * stride;
        for (int j = 0; j < n; j++) {
            long row = tiles[j / LANES] + (j % LANES) * rowBytes + (long) BYTES * d;
            var valueA = load(values, row);
            var valueB = load(values, row + BYTES * L);
            var x0 = FloatVector.broadcast(S, p[p0 + j]);
            a0 = valueA.fma(x0, a0);
            b0 = valueB.fma(x0, b0);
            var x1 = FloatVector.broadcast(S, p[p1 + j]);
            a1 = valueA.fma(x1, a1);
            b1 = valueB.fma(x1, b1);
            var x2 = FloatVector.broadcast(S, p[p2 + j]);
            a2 = valueA.fma(x2, a2);
            b2 = valueB.fma(x2, b2);
            var x3 = FloatVector.broadcast(S, p[p3 + j]);
            a3 = valueA.fma(x3, a3);
            b3 = valueB.fma(x3, b3);
        }
        a0.intoArray(out, out0 + d);
        b0.intoArray(out, out0 + d + L);
        a1.intoArray(out, out1 + d);
        b1.intoArray(out, out1 + d + L);
        a2.intoArray(out, out2 + d);
        b2.intoArray(out, out2 + d + L);
        a3.intoArray(out, out3 + d);
        b3.intoArray(out, out3 + d + L);
    }
}
