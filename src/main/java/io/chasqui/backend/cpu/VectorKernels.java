package io.chasqui.backend.cpu;

import io.chasqui.backend.KvDType;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link Kernels} on the Vector API, for vectors of 16 or 8 floats. Instances come from {@link
 * Kernels#vector}; this class itself cannot be initialised, see {@link WidthTemplate}.
 */
final class VectorKernels implements Kernels {
    private static final VectorSpecies<Float> S = WidthTemplate.species(MethodHandles.lookup());
    private static final VectorSpecies<Integer> INTS = S.withLanes(int.class);
    private static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(S.vectorBitSize() / 2));
    private static final int L = S.length();

    /** Vectors that hold the {@link #LANES} partial sums: 1 or 2. */
    private static final boolean ONE = L == LANES;

    private static final VectorShuffle<Float> BY_8 = VectorShuffle.iota(S, 8, 1, true);
    private static final VectorShuffle<Float> BY_4 = VectorShuffle.iota(S, 4, 1, true);
    private static final VectorShuffle<Float> BY_2 = VectorShuffle.iota(S, 2, 1, true);
    private static final VectorShuffle<Float> BY_1 = VectorShuffle.iota(S, 1, 1, true);
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final int MAGNITUDE = 0x7fffffff;
    private static final int INFINITY = 0x7f800000;

    VectorKernels() {}

    @Override
    public String name() {
        return "vector-" + S.vectorBitSize();
    }

    @Override
    public float sumOfSquares(float[] x, int at, int n) {
        FloatVector a = FloatVector.zero(S);
        FloatVector b = FloatVector.zero(S);
        int i = 0;
        for (; i <= n - LANES; i += LANES) {
            var v = FloatVector.fromArray(S, x, at + i);
            a = v.fma(v, a);
            if (!ONE) {
                var w = FloatVector.fromArray(S, x, at + i + L);
                b = w.fma(w, b);
            }
        }
        if (i < n) {
            var v = FloatVector.fromArray(S, x, at + i, S.indexInRange(i, n));
            a = v.fma(v, a);
            if (!ONE && i + L < n) {
                var w = FloatVector.fromArray(S, x, at + i + L, S.indexInRange(i + L, n));
                b = w.fma(w, b);
            }
        }
        return tree(a, b);
    }

    /** Folds the partial sums: lane i with i + 8, i + 4, i + 2, i + 1. */
    private static float tree(FloatVector a, FloatVector b) {
        var v = a.add(ONE ? a.rearrange(BY_8) : b);
        v = v.add(v.rearrange(BY_4));
        v = v.add(v.rearrange(BY_2));
        v = v.add(v.rearrange(BY_1));
        return v.lane(0);
    }

    @Override
    public void scaleRow(
            float[] x, int xAt, float scale, float[] weight, int n, float[] out, int outAt) {
        int i = 0;
        for (; i <= n - L; i += L) {
            FloatVector.fromArray(S, x, xAt + i)
                    .mul(scale)
                    .mul(FloatVector.fromArray(S, weight, i))
                    .intoArray(out, outAt + i);
        }
        for (; i < n; i++) {
            out[outAt + i] = x[xAt + i] * scale * weight[i];
        }
    }

    @Override
    public void rotate(float[] x, int at, int half, float[] cos, float[] sin, int tableAt) {
        int j = 0;
        for (; j <= half - L; j += L) {
            var a = FloatVector.fromArray(S, x, at + j);
            var b = FloatVector.fromArray(S, x, at + half + j);
            var c = FloatVector.fromArray(S, cos, tableAt + j);
            var s = FloatVector.fromArray(S, sin, tableAt + j);
            a.fma(c, b.mul(s).neg()).intoArray(x, at + j);
            b.fma(c, a.mul(s)).intoArray(x, at + half + j);
        }
        for (; j < half; j++) {
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
        int i = 0;
        for (; i <= n - L; i += L) {
            var g = FloatVector.fromArray(S, gate, gateAt + i);
            var u = FloatVector.fromArray(S, up, upAt + i);
            g.div(exp(g.neg()).add(1)).mul(u).intoArray(out, outAt + i);
        }
        for (; i < n; i++) {
            float g = gate[gateAt + i];
            out[outAt + i] = g / (1 + Exponential.exp(-g)) * up[upAt + i];
        }
    }

    /** {@link Exponential#exp} of each lane. */
    private static FloatVector exp(FloatVector x) {
        var high = FloatVector.broadcast(S, Exponential.HIGHEST);
        var capped = x.blend(high, x.compare(VectorOperators.GT, high));
        var rounder = FloatVector.broadcast(S, Exponential.ROUNDER);
        var shifted = capped.fma(FloatVector.broadcast(S, Exponential.LOG2_E), rounder);
        var n = shifted.sub(rounder);
        var r = n.fma(FloatVector.broadcast(S, -Exponential.LN2_HIGH), capped);
        r = n.fma(FloatVector.broadcast(S, -Exponential.LN2_LOW), r);
        var p = FloatVector.broadcast(S, Exponential.C7);
        p = p.fma(r, FloatVector.broadcast(S, Exponential.C6));
        p = p.fma(r, FloatVector.broadcast(S, Exponential.C5));
        p = p.fma(r, FloatVector.broadcast(S, Exponential.C4));
        p = p.fma(r, FloatVector.broadcast(S, Exponential.C3));
        p = p.fma(r, FloatVector.broadcast(S, Exponential.C2));
        p = p.fma(r.mul(r), r).add(1);
        var power =
                shifted.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHL, 23)
                        .add(0x3f800000)
                        .reinterpretAsFloats();
        var tooLow = x.compare(VectorOperators.LT, Exponential.LOWEST);
        return p.mul(power).blend(0, tooLow);
    }

    @Override
    public void add(float[] x, int xAt, float[] y, int yAt, int n) {
        int i = 0;
        for (; i <= n - L; i += L) {
            FloatVector.fromArray(S, x, xAt + i)
                    .add(FloatVector.fromArray(S, y, yAt + i))
                    .intoArray(x, xAt + i);
        }
        for (; i < n; i++) {
            x[xAt + i] += y[yAt + i];
        }
    }

    @Override
    public void widen(MemorySegment bf16, long from, MemorySegment f32, long to, int n) {
        for (int i = 0; i < n; i += L) {
            var v = ShortVector.fromMemorySegment(SHORTS, bf16, from + 2L * i, ORDER);
            ((IntVector) v.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0))
                    .lanewise(VectorOperators.LSHL, 16)
                    .intoMemorySegment(f32, to + 4L * i, ORDER);
        }
    }

    @Override
    public AttentionKernels attention(KvDType dtype) {
        return AttentionKernels.vector(S, dtype);
    }

    @Override
    public void fold(
            float[] total, int totalAt, float a, float[] part, int partAt, float b, int n) {
        for (int i = 0; i < n; i += L) {
            var kept = FloatVector.fromArray(S, total, totalAt + i).mul(a);
            FloatVector.fromArray(S, part, partAt + i)
                    .fma(FloatVector.broadcast(S, b), kept)
                    .intoArray(total, totalAt + i);
        }
    }

    @Override
    public void scale(float[] x, int xAt, float scale, float[] out, int outAt, int n) {
        int i = 0;
        for (; i <= n - L; i += L) {
            FloatVector.fromArray(S, x, xAt + i).mul(scale).intoArray(out, outAt + i);
        }
        for (; i < n; i++) {
            out[outAt + i] = x[xAt + i] * scale;
        }
    }

    @Override
    public void exp(float[] x, int xAt, float shift, float scale, float[] out, int outAt, int n) {
        int i = 0;
        for (; i <= n - L; i += L) {
            exp(FloatVector.fromArray(S, x, xAt + i).sub(shift).mul(scale))
                    .intoArray(out, outAt + i);
        }
        for (; i < n; i++) {
            out[outAt + i] = Exponential.exp((x[xAt + i] - shift) * scale);
        }
    }

    @Override
    public float sum(float[] x, int at, int n) {
        FloatVector a = FloatVector.zero(S);
        FloatVector b = FloatVector.zero(S);
        int i = 0;
        for (; i <= n - LANES; i += LANES) {
            a = a.add(FloatVector.fromArray(S, x, at + i));
            if (!ONE) {
                b = b.add(FloatVector.fromArray(S, x, at + i + L));
            }
        }
        if (i < n) {
            a = a.add(FloatVector.fromArray(S, x, at + i, S.indexInRange(i, n)));
            if (!ONE && i + L < n) {
                b = b.add(FloatVector.fromArray(S, x, at + i + L, S.indexInRange(i + L, n)));
            }
        }
        return tree(a, b);
    }

    @Override
    public float max(float[] x, int at, int n) {
        var best = FloatVector.broadcast(S, Float.NEGATIVE_INFINITY);
        int i = 0;
        for (; i <= n - L; i += L) {
            best = best.max(FloatVector.fromArray(S, x, at + i));
        }
        float max = best.reduceLanes(VectorOperators.MAX);
        for (; i < n; i++) {
            max = Math.max(max, x[at + i]);
        }
        return max;
    }

    @Override
    public float finiteMax(float[] x, int at, int n) {
        var largest = IntVector.zero(INTS);
        int i = 0;
        for (; i <= n - L; i += L) {
            var v = FloatVector.fromArray(S, x, at + i);
            largest = largest.max(v.reinterpretAsInts().and(MAGNITUDE));
        }
        int magnitude = largest.reduceLanes(VectorOperators.MAX);
        for (; i < n; i++) {
            magnitude = Math.max(magnitude, Float.floatToRawIntBits(x[at + i]) & MAGNITUDE);
        }
        return magnitude < INFINITY ? max(x, at, n) : Float.NaN;
    }

    @Override
    public int select(float[] x, int at, int n, float threshold, int[] indices, int count) {
        int i = 0;
        for (; i <= n - L; i += L) {
            long chosen =
                    FloatVector.fromArray(S, x, at + i)
                            .compare(VectorOperators.GE, threshold)
                            .toLong();
            while (chosen != 0) {
                indices[count++] = i + Long.numberOfTrailingZeros(chosen);
                chosen &= chosen - 1;
            }
        }
        for (; i < n; i++) {
            if (x[at + i] >= threshold) {
                indices[count++] = i;
            }
        }
        return count;
    }
}
