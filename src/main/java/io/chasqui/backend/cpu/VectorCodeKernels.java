package io.chasqui.backend.cpu;

import static io.chasqui.backend.cpu.PackedActivations.TOKENS;
import static io.chasqui.backend.cpu.PackedMatrix.TILE_ROWS;
import static io.chasqui.backend.cpu.PackedMatrix.WORD_STRIDE;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link CodeKernels} on the Vector API. Instances come from {@link CodeKernels#vector}; this class
 * itself cannot be initialised, see {@link WidthTemplate}.
 *
 * <p>Each kernel is one method with short loops: C2 gives up inlining the vector operations of a
 * long loop body and then boxes every vector (eight codes written out one after the other ran at a
 * twentieth of the speed). Inner loops have a constant length; with a variable one they lose 7 to
 * 20 percent.
 *
 * <p>One token: four chains hide the latency of the multiply-add. A code is masked in place and
 * converted, so it comes out multiplied by a power of two, by which the caller has divided the
 * input; both are exact. Masks move up through half a word, then the word moves down by half, since
 * the top code of a word would convert as a negative number.
 *
 * <p>Token groups: eight chains fill two multiply-add units at their latency of four cycles, and
 * with two weights and an input they fit 16 registers, where twelve spill; sixteen chains halve the
 * share of the unpacking and fit 32.
 */
final class VectorCodeKernels implements CodeKernels {
    private static final Width WIDTH = WidthTemplate.classData(MethodHandles.lookup(), Width.class);
    private static final VectorSpecies<Float> FLOATS = WIDTH.species();
    private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
    private static final int LANES = FLOATS.length();
    private static final int BITS = WIDTH.bits();
    private static final int PER_WORD = Integer.SIZE / BITS;
    private static final int MASK = (1 << BITS) - 1;
    private static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;

    private static final boolean MANY_REGISTERS = FLOATS.vectorBitSize() == 512;

    VectorCodeKernels() {}

    /**
     * Whether code j belongs to half a word. With 16 registers put in a way that C2 does not
     * recognise as counting: it would unroll the loop, convert all codes first and spill the sums
     * (half the speed, or not, by chance of profile).
     */
    private static boolean inHalf(int j) {
        return MANY_REGISTERS ? j < PER_WORD / 2 : 1 << j < 1 << PER_WORD / 2;
    }

    @Override
    public void decode(MemorySegment w, long from, int words, float[] target) {
        int to = 0;
        for (int word = 0; word < words; word++, to += PER_WORD * TILE_ROWS) {
            for (int r = 0; r < TILE_ROWS; r += LANES) {
                IntVector v =
                        IntVector.fromMemorySegment(
                                INTS, w, from + word * WORD_STRIDE + 4L * r, LE);
                for (int j = 0; j < PER_WORD; j++) {
                    ((FloatVector) v.and(MASK).convertShape(I2F, FLOATS, 0))
                            .intoArray(target, to + j * TILE_ROWS + r);
                    v = v.lanewise(LSHR, BITS);
                }
            }
        }
    }

    @Override
    public void single(
            MemorySegment w,
            long c0,
            long c1,
            long c2,
            long c3,
            int groups,
            int groupWords,
            float[] x,
            float[] sums,
            float zero,
            float[] scales,
            int s0,
            int s1,
            int s2,
            int s3,
            float[] y,
            int y0) {
        IntVector lowest = IntVector.broadcast(INTS, MASK);
        int k = 0;
        long at = 0;
        for (int g = 0; g < groups; g++) {
            FloatVector b0 = FloatVector.broadcast(FLOATS, -zero * sums[g]);
            FloatVector b1 = b0;
            FloatVector b2 = b0;
            FloatVector b3 = b0;
            for (int word = 0; word < groupWords; word++, at += WORD_STRIDE) {
                IntVector v0 = IntVector.fromMemorySegment(INTS, w, c0 + at, LE);
                IntVector v1 = IntVector.fromMemorySegment(INTS, w, c1 + at, LE);
                IntVector v2 = IntVector.fromMemorySegment(INTS, w, c2 + at, LE);
                IntVector v3 = IntVector.fromMemorySegment(INTS, w, c3 + at, LE);
                for (int half = 0; half < 2; half++) {
                    IntVector mask = lowest;
                    for (int j = 0; inHalf(j); j++, k++) {
                        FloatVector in = FloatVector.broadcast(FLOATS, x[k]);
                        b0 = ((FloatVector) v0.and(mask).convertShape(I2F, FLOATS, 0)).fma(in, b0);
                        b1 = ((FloatVector) v1.and(mask).convertShape(I2F, FLOATS, 0)).fma(in, b1);
                        b2 = ((FloatVector) v2.and(mask).convertShape(I2F, FLOATS, 0)).fma(in, b2);
                        b3 = ((FloatVector) v3.and(mask).convertShape(I2F, FLOATS, 0)).fma(in, b3);
                        mask = mask.lanewise(LSHL, BITS);
                    }
                    v0 = v0.lanewise(LSHR, 16);
                    v1 = v1.lanewise(LSHR, 16);
                    v2 = v2.lanewise(LSHR, 16);
                    v3 = v3.lanewise(LSHR, 16);
                }
            }
            int s = TILE_ROWS * g;
            b0.fma(
                            FloatVector.fromArray(FLOATS, scales, s0 + s),
                            FloatVector.fromArray(FLOATS, y, y0))
                    .intoArray(y, y0);
            b1.fma(
                            FloatVector.fromArray(FLOATS, scales, s1 + s),
                            FloatVector.fromArray(FLOATS, y, y0 + LANES))
                    .intoArray(y, y0 + LANES);
            b2.fma(
                            FloatVector.fromArray(FLOATS, scales, s2 + s),
                            FloatVector.fromArray(FLOATS, y, y0 + 2 * LANES))
                    .intoArray(y, y0 + 2 * LANES);
            b3.fma(
                            FloatVector.fromArray(FLOATS, scales, s3 + s),
                            FloatVector.fromArray(FLOATS, y, y0 + 3 * LANES))
                    .intoArray(y, y0 + 3 * LANES);
        }
    }

    @Override
    public void group(
            MemorySegment w,
            long c0,
            long c1,
            int groups,
            int groupWords,
            float[] x,
            int x0,
            float[] sums,
            int sums0,
            float zero,
            float[] scales,
            int scales0,
            float[] y,
            int y0) {
        int xk = x0;
        int s = sums0;
        int c = scales0;
        long at = 0;
        for (int g = 0; g < groups; g++, s += TOKENS, c += TILE_ROWS) {
            FloatVector b00 = FloatVector.broadcast(FLOATS, -zero * sums[s]);
            FloatVector b01 = b00;
            FloatVector b10 = FloatVector.broadcast(FLOATS, -zero * sums[s + 1]);
            FloatVector b11 = b10;
            FloatVector b20 = FloatVector.broadcast(FLOATS, -zero * sums[s + 2]);
            FloatVector b21 = b20;
            FloatVector b30 = FloatVector.broadcast(FLOATS, -zero * sums[s + 3]);
            FloatVector b31 = b30;
            for (int word = 0; word < groupWords; word++, at += WORD_STRIDE) {
                IntVector v0 = IntVector.fromMemorySegment(INTS, w, c0 + at, LE);
                IntVector v1 = IntVector.fromMemorySegment(INTS, w, c1 + at, LE);
                for (int j = 0; j < PER_WORD; j++, xk += TOKENS) {
                    FloatVector w0k = (FloatVector) v0.and(MASK).convertShape(I2F, FLOATS, 0);
                    FloatVector w1k = (FloatVector) v1.and(MASK).convertShape(I2F, FLOATS, 0);
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
                    v0 = v0.lanewise(LSHR, BITS);
                    v1 = v1.lanewise(LSHR, BITS);
                }
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
    public void pair(
            MemorySegment w,
            long c0,
            long c1,
            int groups,
            int groupWords,
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
        int xk = x0;
        int xl = x1;
        int s = sums0;
        int u = sums1;
        int c = scales0;
        long at = 0;
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
            for (int word = 0; word < groupWords; word++, at += WORD_STRIDE) {
                IntVector v0 = IntVector.fromMemorySegment(INTS, w, c0 + at, LE);
                IntVector v1 = IntVector.fromMemorySegment(INTS, w, c1 + at, LE);
                for (int j = 0; j < PER_WORD; j++, xk += TOKENS, xl += TOKENS) {
                    FloatVector w0k = (FloatVector) v0.and(MASK).convertShape(I2F, FLOATS, 0);
                    FloatVector w1k = (FloatVector) v1.and(MASK).convertShape(I2F, FLOATS, 0);
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
                    v0 = v0.lanewise(LSHR, BITS);
                    v1 = v1.lanewise(LSHR, BITS);
                }
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
