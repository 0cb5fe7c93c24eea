package io.chasqui.backend.cpu;

import static io.chasqui.backend.cpu.PackedActivations.TOKENS;
import static io.chasqui.backend.cpu.PackedMatrix.TILE_ROWS;
import static io.chasqui.backend.cpu.PackedMatrix.WORD_STRIDE;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.LSHL;

import io.chasqui.backend.cpu.TileFormat.ScaleType;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link TileKernels} on the Vector API. Instances come from {@link TileKernels#vector}; this class
 * itself cannot be initialised, see {@link WidthTemplate}. Why the loops have the shape they have:
 * {@link VectorCodeKernels}.
 */
final class VectorTileKernels implements TileKernels {
    private static final VectorSpecies<Float> FLOATS =
            WidthTemplate.species(MethodHandles.lookup());

    private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
    private static final int LANES = FLOATS.length();
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;

    /** Sign, exponent and mantissa of an F16 value shifted right by 3 with its sign copied. */
    private static final int F16_BITS = 0x8fffe000;

    /** F16 exponents have a bias of 15, F32 ones of 127. */
    private static final float F16_REBIAS = 0x1p112f;

    VectorTileKernels() {}

    @Override
    public int lanes() {
        return LANES;
    }

    @Override
    public void scales(
            TileFormat format,
            int groups,
            MemorySegment w,
            long tile,
            float[] scales,
            float[] minima,
            int at) {
        if (format.scales == ScaleType.F32) {
            copy(w, tile, groups, scales, at);
            if (format.minimum) {
                copy(w, tile + groups * WORD_STRIDE, groups, minima, at);
            }
        } else if (format.minimum) {
            halves(w, tile, groups, scales, minima, at, TILE_ROWS);
        } else {
            halves(w, tile, (groups + 1) / 2, scales, scales, at, 2 * TILE_ROWS);
        }
    }

    @Override
    public void weights(
            TileFormat format, MemorySegment w, long from, int columns, float[] target) {
        int words = Math.ceilDiv(columns, format.codesPerWord());
        switch (format) {
            case F32 -> copy(w, from, words, target, 0);
            case BF16 -> bfloats(w, from, words, target);
            case F16 -> halves(w, from, words, target, target, 0, 2 * TILE_ROWS);
            default -> throw new IllegalArgumentException(format + " has scales");
        }
    }

    private static void copy(MemorySegment w, long from, int words, float[] target, int at) {
        for (int i = 0; i < words * TILE_ROWS; i += LANES) {
            FloatVector.fromMemorySegment(FLOATS, w, from + 4L * i, LE).intoArray(target, at + i);
        }
    }

    private static void bfloats(MemorySegment w, long from, int words, float[] target) {
        for (int word = 0; word < words; word++) {
            int at = 2 * TILE_ROWS * word;
            for (int r = 0; r < TILE_ROWS; r += LANES) {
                IntVector v =
                        IntVector.fromMemorySegment(
                                INTS, w, from + word * WORD_STRIDE + 4L * r, LE);
                v.lanewise(LSHL, 16).reinterpretAsFloats().intoArray(target, at + r);
                v.and(0xffff0000).reinterpretAsFloats().intoArray(target, at + TILE_ROWS + r);
            }
        }
    }

    /**
     * F16 pairs: the low halves to {@code low}, the high halves to {@code high}, {@code stride}
     * floats from word to word; into the same array they go one column after the other.
     */
    private static void halves(
            MemorySegment w, long from, int words, float[] low, float[] high, int at, int stride) {
        int highAt = low == high ? at + TILE_ROWS : at;
        for (int word = 0; word < words; word++) {
            int to = stride * word;
            for (int r = 0; r < TILE_ROWS; r += LANES) {
                IntVector v =
                        IntVector.fromMemorySegment(
                                INTS, w, from + word * WORD_STRIDE + 4L * r, LE);
                v.lanewise(LSHL, 16)
                        .lanewise(ASHR, 3)
                        .and(F16_BITS)
                        .reinterpretAsFloats()
                        .mul(F16_REBIAS)
                        .intoArray(low, at + to + r);
                v.lanewise(ASHR, 3)
                        .and(F16_BITS)
                        .reinterpretAsFloats()
                        .mul(F16_REBIAS)
                        .intoArray(high, highAt + to + r);
            }
        }
    }

    @Override
    public void float32(
            MemorySegment w,
            long c0,
            long c1,
            long c2,
            long c3,
            int words,
            float[] x,
            float[] y,
            int y0) {
        FloatVector t0 = FloatVector.fromArray(FLOATS, y, y0);
        FloatVector t1 = FloatVector.fromArray(FLOATS, y, y0 + LANES);
        FloatVector t2 = FloatVector.fromArray(FLOATS, y, y0 + 2 * LANES);
        FloatVector t3 = FloatVector.fromArray(FLOATS, y, y0 + 3 * LANES);
        long at = 0;
        for (int k = 0; k < words; k++, at += WORD_STRIDE) {
            FloatVector in = FloatVector.broadcast(FLOATS, x[k]);
            t0 = FloatVector.fromMemorySegment(FLOATS, w, c0 + at, LE).fma(in, t0);
            t1 = FloatVector.fromMemorySegment(FLOATS, w, c1 + at, LE).fma(in, t1);
            t2 = FloatVector.fromMemorySegment(FLOATS, w, c2 + at, LE).fma(in, t2);
            t3 = FloatVector.fromMemorySegment(FLOATS, w, c3 + at, LE).fma(in, t3);
        }
        t0.intoArray(y, y0);
        t1.intoArray(y, y0 + LANES);
        t2.intoArray(y, y0 + 2 * LANES);
        t3.intoArray(y, y0 + 3 * LANES);
    }

    @Override
    public void bfloat16(
            MemorySegment w,
            long c0,
            long c1,
            long c2,
            long c3,
            int words,
            float[] x,
            float[] y,
            int y0) {
        FloatVector t0 = FloatVector.fromArray(FLOATS, y, y0);
        FloatVector t1 = FloatVector.fromArray(FLOATS, y, y0 + LANES);
        FloatVector t2 = FloatVector.fromArray(FLOATS, y, y0 + 2 * LANES);
        FloatVector t3 = FloatVector.fromArray(FLOATS, y, y0 + 3 * LANES);
        long at = 0;
        for (int word = 0; word < words; word++, at += WORD_STRIDE) {
            IntVector v0 = IntVector.fromMemorySegment(INTS, w, c0 + at, LE);
            IntVector v1 = IntVector.fromMemorySegment(INTS, w, c1 + at, LE);
            IntVector v2 = IntVector.fromMemorySegment(INTS, w, c2 + at, LE);
            IntVector v3 = IntVector.fromMemorySegment(INTS, w, c3 + at, LE);
            FloatVector in = FloatVector.broadcast(FLOATS, x[2 * word]);
            t0 = v0.lanewise(LSHL, 16).reinterpretAsFloats().fma(in, t0);
            t1 = v1.lanewise(LSHL, 16).reinterpretAsFloats().fma(in, t1);
            t2 = v2.lanewise(LSHL, 16).reinterpretAsFloats().fma(in, t2);
            t3 = v3.lanewise(LSHL, 16).reinterpretAsFloats().fma(in, t3);
            in = FloatVector.broadcast(FLOATS, x[2 * word + 1]);
            t0 = v0.and(0xffff0000).reinterpretAsFloats().fma(in, t0);
            t1 = v1.and(0xffff0000).reinterpretAsFloats().fma(in, t1);
            t2 = v2.and(0xffff0000).reinterpretAsFloats().fma(in, t2);
            t3 = v3.and(0xffff0000).reinterpretAsFloats().fma(in, t3);
        }
        t0.intoArray(y, y0);
        t1.intoArray(y, y0 + LANES);
        t2.intoArray(y, y0 + 2 * LANES);
        t3.intoArray(y, y0 + 3 * LANES);
    }

    @Override
    public void float16(
            MemorySegment w,
            long c0,
            long c1,
            long c2,
            long c3,
            int words,
            float[] x,
            float[] y,
            int y0) {
        FloatVector t0 = FloatVector.fromArray(FLOATS, y, y0);
        FloatVector t1 = FloatVector.fromArray(FLOATS, y, y0 + LANES);
        FloatVector t2 = FloatVector.fromArray(FLOATS, y, y0 + 2 * LANES);
        FloatVector t3 = FloatVector.fromArray(FLOATS, y, y0 + 3 * LANES);
        long at = 0;
        for (int word = 0; word < words; word++, at += WORD_STRIDE) {
            IntVector v0 = IntVector.fromMemorySegment(INTS, w, c0 + at, LE);
            IntVector v1 = IntVector.fromMemorySegment(INTS, w, c1 + at, LE);
            IntVector v2 = IntVector.fromMemorySegment(INTS, w, c2 + at, LE);
            IntVector v3 = IntVector.fromMemorySegment(INTS, w, c3 + at, LE);
            FloatVector in = FloatVector.broadcast(FLOATS, x[2 * word]);
            t0 =
                    v0.lanewise(LSHL, 16)
                            .lanewise(ASHR, 3)
                            .and(F16_BITS)
                            .reinterpretAsFloats()
                            .mul(F16_REBIAS)
                            .fma(in, t0);
            t1 =
                    v1.lanewise(LSHL, 16)
                            .lanewise(ASHR, 3)
                            .and(F16_BITS)
                            .reinterpretAsFloats()
                            .mul(F16_REBIAS)
                            .fma(in, t1);
            t2 =
                    v2.lanewise(LSHL, 16)
                            .lanewise(ASHR, 3)
                            .and(F16_BITS)
                            .reinterpretAsFloats()
                            .mul(F16_REBIAS)
                            .fma(in, t2);
            t3 =
                    v3.lanewise(LSHL, 16)
                            .lanewise(ASHR, 3)
                            .and(F16_BITS)
                            .reinterpretAsFloats()
                            .mul(F16_REBIAS)
                            .fma(in, t3);
            in = FloatVector.broadcast(FLOATS, x[2 * word + 1]);
            t0 =
                    v0.lanewise(ASHR, 3)
                            .and(F16_BITS)
                            .reinterpretAsFloats()
                            .mul(F16_REBIAS)
                            .fma(in, t0);
            t1 =
                    v1.lanewise(ASHR, 3)
                            .and(F16_BITS)
                            .reinterpretAsFloats()
                            .mul(F16_REBIAS)
                            .fma(in, t1);
            t2 =
                    v2.lanewise(ASHR, 3)
                            .and(F16_BITS)
                            .reinterpretAsFloats()
                            .mul(F16_REBIAS)
                            .fma(in, t2);
            t3 =
                    v3.lanewise(ASHR, 3)
                            .and(F16_BITS)
                            .reinterpretAsFloats()
                            .mul(F16_REBIAS)
                            .fma(in, t3);
        }
        t0.intoArray(y, y0);
        t1.intoArray(y, y0 + LANES);
        t2.intoArray(y, y0 + 2 * LANES);
        t3.intoArray(y, y0 + 3 * LANES);
    }

    @Override
    public void decoded(
            float[] w, int c0, int c1, int c2, int c3, int columns, float[] x, float[] y, int y0) {
        FloatVector t0 = FloatVector.fromArray(FLOATS, y, y0);
        FloatVector t1 = FloatVector.fromArray(FLOATS, y, y0 + LANES);
        FloatVector t2 = FloatVector.fromArray(FLOATS, y, y0 + 2 * LANES);
        FloatVector t3 = FloatVector.fromArray(FLOATS, y, y0 + 3 * LANES);
        int at = 0;
        for (int k = 0; k < columns; k++, at += TILE_ROWS) {
            FloatVector in = FloatVector.broadcast(FLOATS, x[k]);
            t0 = FloatVector.fromArray(FLOATS, w, c0 + at).fma(in, t0);
            t1 = FloatVector.fromArray(FLOATS, w, c1 + at).fma(in, t1);
            t2 = FloatVector.fromArray(FLOATS, w, c2 + at).fma(in, t2);
            t3 = FloatVector.fromArray(FLOATS, w, c3 + at).fma(in, t3);
        }
        t0.intoArray(y, y0);
        t1.intoArray(y, y0 + LANES);
        t2.intoArray(y, y0 + 2 * LANES);
        t3.intoArray(y, y0 + 3 * LANES);
    }

    @Override
    public void plain(float[] w, int w0, int columns, float[] x, int x0, float[] y, int y0) {
        FloatVector t00 = FloatVector.fromArray(FLOATS, y, y0);
        FloatVector t01 = FloatVector.fromArray(FLOATS, y, y0 + LANES);
        FloatVector t10 = FloatVector.fromArray(FLOATS, y, y0 + TILE_ROWS);
        FloatVector t11 = FloatVector.fromArray(FLOATS, y, y0 + TILE_ROWS + LANES);
        FloatVector t20 = FloatVector.fromArray(FLOATS, y, y0 + 2 * TILE_ROWS);
        FloatVector t21 = FloatVector.fromArray(FLOATS, y, y0 + 2 * TILE_ROWS + LANES);
        FloatVector t30 = FloatVector.fromArray(FLOATS, y, y0 + 3 * TILE_ROWS);
        FloatVector t31 = FloatVector.fromArray(FLOATS, y, y0 + 3 * TILE_ROWS + LANES);
        int wk = w0;
        int xk = x0;
        for (int k = 0; k < columns; k++, wk += TILE_ROWS, xk += TOKENS) {
            FloatVector w0k = FloatVector.fromArray(FLOATS, w, wk);
            FloatVector w1k = FloatVector.fromArray(FLOATS, w, wk + LANES);
            FloatVector in = FloatVector.broadcast(FLOATS, x[xk]);
            t00 = w0k.fma(in, t00);
            t01 = w1k.fma(in, t01);
            in = FloatVector.broadcast(FLOATS, x[xk + 1]);
            t10 = w0k.fma(in, t10);
            t11 = w1k.fma(in, t11);
            in = FloatVector.broadcast(FLOATS, x[xk + 2]);
            t20 = w0k.fma(in, t20);
            t21 = w1k.fma(in, t21);
            in = FloatVector.broadcast(FLOATS, x[xk + 3]);
            t30 = w0k.fma(in, t30);
            t31 = w1k.fma(in, t31);
        }
        t00.intoArray(y, y0);
        t01.intoArray(y, y0 + LANES);
        t10.intoArray(y, y0 + TILE_ROWS);
        t11.intoArray(y, y0 + TILE_ROWS + LANES);
        t20.intoArray(y, y0 + 2 * TILE_ROWS);
        t21.intoArray(y, y0 + 2 * TILE_ROWS + LANES);
        t30.intoArray(y, y0 + 3 * TILE_ROWS);
        t31.intoArray(y, y0 + 3 * TILE_ROWS + LANES);
    }

    @Override
    public void grouped32(
            float[] w,
            int w0,
            int groups,
            float[] x,
            int x0,
            float[] sums,
            int sums0,
            float zero,
            float[] scales,
            int scales0,
            float[] y,
            int y0) {
        int wk = w0;
        int xk = x0;
        int s = sums0;
        int c = scales0;
        for (int g = 0; g < groups; g++, s += TOKENS, c += TILE_ROWS) {
            FloatVector b00 = FloatVector.broadcast(FLOATS, -zero * sums[s]);
            FloatVector b01 = b00;
            FloatVector b10 = FloatVector.broadcast(FLOATS, -zero * sums[s + 1]);
            FloatVector b11 = b10;
            FloatVector b20 = FloatVector.broadcast(FLOATS, -zero * sums[s + 2]);
            FloatVector b21 = b20;
            FloatVector b30 = FloatVector.broadcast(FLOATS, -zero * sums[s + 3]);
            FloatVector b31 = b30;
            for (int k = 0; k < 32; k++, wk += TILE_ROWS, xk += TOKENS) {
                FloatVector w0k = FloatVector.fromArray(FLOATS, w, wk);
                FloatVector w1k = FloatVector.fromArray(FLOATS, w, wk + LANES);
                FloatVector in = FloatVector.broadcast(FLOATS, x[xk]);
                b00 = w0k.fma(in, b00);
                b01 = w1k.fma(in, b01);
                in = FloatVector.broadcast(FLOATS, x[xk + 1]);
                b10 = w0k.fma(in, b10);
                b11 = w1k.fma(in, b11);
                in = FloatVector.broadcast(FLOATS, x[xk + 2]);
                b20 = w0k.fma(in, b20);
                b21 = w1k.fma(in, b21);
                in = FloatVector.broadcast(FLOATS, x[xk + 3]);
                b30 = w0k.fma(in, b30);
                b31 = w1k.fma(in, b31);
            }
            FloatVector scale0 = FloatVector.fromArray(FLOATS, scales, c);
            FloatVector scale1 = FloatVector.fromArray(FLOATS, scales, c + LANES);
            b00.fma(scale0, FloatVector.fromArray(FLOATS, y, y0)).intoArray(y, y0);
            b01.fma(scale1, FloatVector.fromArray(FLOATS, y, y0 + LANES)).intoArray(y, y0 + LANES);
            b10.fma(scale0, FloatVector.fromArray(FLOATS, y, y0 + TILE_ROWS))
                    .intoArray(y, y0 + TILE_ROWS);
            b11.fma(scale1, FloatVector.fromArray(FLOATS, y, y0 + TILE_ROWS + LANES))
                    .intoArray(y, y0 + TILE_ROWS + LANES);
            b20.fma(scale0, FloatVector.fromArray(FLOATS, y, y0 + 2 * TILE_ROWS))
                    .intoArray(y, y0 + 2 * TILE_ROWS);
            b21.fma(scale1, FloatVector.fromArray(FLOATS, y, y0 + 2 * TILE_ROWS + LANES))
                    .intoArray(y, y0 + 2 * TILE_ROWS + LANES);
            b30.fma(scale0, FloatVector.fromArray(FLOATS, y, y0 + 3 * TILE_ROWS))
                    .intoArray(y, y0 + 3 * TILE_ROWS);
            b31.fma(scale1, FloatVector.fromArray(FLOATS, y, y0 + 3 * TILE_ROWS + LANES))
                    .intoArray(y, y0 + 3 * TILE_ROWS + LANES);
        }
    }

    @Override
    public void groupedPair32(
            float[] w,
            int w0,
            int groups,
            float[] x,
            int x0,
            int x1,
            float[] sums,
            int sums0,
            int sums1,
            float zero,
            float[] scales,
            int scales0,
            float[] y,
            int y0) {
        int wk = w0;
        int xk = x0;
        int xl = x1;
        int s = sums0;
        int u = sums1;
        int c = scales0;
        for (int g = 0; g < groups; g++, s += TOKENS, u += TOKENS, c += TILE_ROWS) {
            FloatVector b00 = FloatVector.broadcast(FLOATS, -zero * sums[s]);
            FloatVector b01 = b00;
            FloatVector b10 = FloatVector.broadcast(FLOATS, -zero * sums[s + 1]);
            FloatVector b11 = b10;
            FloatVector b20 = FloatVector.broadcast(FLOATS, -zero * sums[s + 2]);
            FloatVector b21 = b20;
            FloatVector b30 = FloatVector.broadcast(FLOATS, -zero * sums[s + 3]);
            FloatVector b31 = b30;
            FloatVector b40 = FloatVector.broadcast(FLOATS, -zero * sums[u]);
            FloatVector b41 = b40;
            FloatVector b50 = FloatVector.broadcast(FLOATS, -zero * sums[u + 1]);
            FloatVector b51 = b50;
            FloatVector b60 = FloatVector.broadcast(FLOATS, -zero * sums[u + 2]);
            FloatVector b61 = b60;
            FloatVector b70 = FloatVector.broadcast(FLOATS, -zero * sums[u + 3]);
            FloatVector b71 = b70;
            for (int k = 0; k < 32; k++, wk += TILE_ROWS, xk += TOKENS, xl += TOKENS) {
                FloatVector w0k = FloatVector.fromArray(FLOATS, w, wk);
                FloatVector w1k = FloatVector.fromArray(FLOATS, w, wk + LANES);
                FloatVector in = FloatVector.broadcast(FLOATS, x[xk]);
                b00 = w0k.fma(in, b00);
                b01 = w1k.fma(in, b01);
                in = FloatVector.broadcast(FLOATS, x[xk + 1]);
                b10 = w0k.fma(in, b10);
                b11 = w1k.fma(in, b11);
                in = FloatVector.broadcast(FLOATS, x[xk + 2]);
                b20 = w0k.fma(in, b20);
                b21 = w1k.fma(in, b21);
                in = FloatVector.broadcast(FLOATS, x[xk + 3]);
                b30 = w0k.fma(in, b30);
                b31 = w1k.fma(in, b31);
                in = FloatVector.broadcast(FLOATS, x[xl]);
                b40 = w0k.fma(in, b40);
                b41 = w1k.fma(in, b41);
                in = FloatVector.broadcast(FLOATS, x[xl + 1]);
                b50 = w0k.fma(in, b50);
                b51 = w1k.fma(in, b51);
                in = FloatVector.broadcast(FLOATS, x[xl + 2]);
                b60 = w0k.fma(in, b60);
                b61 = w1k.fma(in, b61);
                in = FloatVector.broadcast(FLOATS, x[xl + 3]);
                b70 = w0k.fma(in, b70);
                b71 = w1k.fma(in, b71);
            }
            FloatVector scale0 = FloatVector.fromArray(FLOATS, scales, c);
            FloatVector scale1 = FloatVector.fromArray(FLOATS, scales, c + LANES);
            b00.fma(scale0, FloatVector.fromArray(FLOATS, y, y0)).intoArray(y, y0);
            b01.fma(scale1, FloatVector.fromArray(FLOATS, y, y0 + LANES)).intoArray(y, y0 + LANES);
            b10.fma(scale0, FloatVector.fromArray(FLOATS, y, y0 + TILE_ROWS))
                    .intoArray(y, y0 + TILE_ROWS);
            b11.fma(scale1, FloatVector.fromArray(FLOATS, y, y0 + TILE_ROWS + LANES))
                    .intoArray(y, y0 + TILE_ROWS + LANES);
            b20.fma(scale0, FloatVector.fromArray(FLOATS, y, y0 + 2 * TILE_ROWS))
                    .intoArray(y, y0 + 2 * TILE_ROWS);
            b21.fma(scale1, FloatVector.fromArray(FLOATS, y, y0 + 2 * TILE_ROWS + LANES))
                    .intoArray(y, y0 + 2 * TILE_ROWS + LANES);
            b30.fma(scale0, FloatVector.fromArray(FLOATS, y, y0 + 3 * TILE_ROWS))
                    .intoArray(y, y0 + 3 * TILE_ROWS);
            b31.fma(scale1, FloatVector.fromArray(FLOATS, y, y0 + 3 * TILE_ROWS + LANES))
                    .intoArray(y, y0 + 3 * TILE_ROWS + LANES);
            b40.fma(scale0, FloatVector.fromArray(FLOATS, y, y0 + 4 * TILE_ROWS))
                    .intoArray(y, y0 + 4 * TILE_ROWS);
            b41.fma(scale1, FloatVector.fromArray(FLOATS, y, y0 + 4 * TILE_ROWS + LANES))
                    .intoArray(y, y0 + 4 * TILE_ROWS + LANES);
            b50.fma(scale0, FloatVector.fromArray(FLOATS, y, y0 + 5 * TILE_ROWS))
                    .intoArray(y, y0 + 5 * TILE_ROWS);
            b51.fma(scale1, FloatVector.fromArray(FLOATS, y, y0 + 5 * TILE_ROWS + LANES))
                    .intoArray(y, y0 + 5 * TILE_ROWS + LANES);
            b60.fma(scale0, FloatVector.fromArray(FLOATS, y, y0 + 6 * TILE_ROWS))
                    .intoArray(y, y0 + 6 * TILE_ROWS);
            b61.fma(scale1, FloatVector.fromArray(FLOATS, y, y0 + 6 * TILE_ROWS + LANES))
                    .intoArray(y, y0 + 6 * TILE_ROWS + LANES);
            b70.fma(scale0, FloatVector.fromArray(FLOATS, y, y0 + 7 * TILE_ROWS))
                    .intoArray(y, y0 + 7 * TILE_ROWS);
            b71.fma(scale1, FloatVector.fromArray(FLOATS, y, y0 + 7 * TILE_ROWS + LANES))
                    .intoArray(y, y0 + 7 * TILE_ROWS + LANES);
        }
    }
}
