package io.chasqui.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.KvDType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The vector kernels equal the scalar ones bit for bit, and those a double reference. */
class KernelsTest {
    private static final int[] LENGTHS = {1, 7, 8, 15, 16, 17, 31, 33, 64, 100, 576, 577, 1000};
    private static final Kernels SCALAR = new ScalarKernels();

    static List<Kernels> vectorKernels() {
        return List.of(
                Kernels.vector(FloatVector.SPECIES_256), Kernels.vector(FloatVector.SPECIES_512));
    }

    private static float[] gaussian(RandomGenerator random, int n, double scale) {
        float[] x = new float[n];
        for (int i = 0; i < n; i++) {
            x[i] = (float) (random.nextGaussian() * scale);
        }
        return x;
    }

    @ParameterizedTest
    @MethodSource("vectorKernels")
    void rowKernelsEqualTheScalarTwin(Kernels vector) {
        for (long seed = 0; seed < 20; seed++) {
            for (int n : LENGTHS) {
                var random = new SplittableRandom(seed);
                float[] x = gaussian(random, n + 3, 4);
                float[] y = gaussian(random, n + 3, 4);
                var where = "n " + n + ", seed " + seed;
                assertBits(SCALAR.sumOfSquares(x, 3, n), vector.sumOfSquares(x, 3, n), where);
                assertBits(SCALAR.sum(x, 3, n), vector.sum(x, 3, n), where);
                assertBits(SCALAR.max(x, 3, n), vector.max(x, 3, n), where);
                assertBits(SCALAR.finiteMax(x, 3, n), vector.finiteMax(x, 3, n), where);
                assertSame(where, n, (k, out) -> k.scaleRow(x, 3, 0.7f, y, n, out, 1), vector);
                assertSame(where, n, (k, out) -> k.swiGlu(x, 3, y, 2, out, 1, n), vector);
                assertSame(where, n, (k, out) -> k.scale(x, 3, 0.3f, out, 1, n), vector);
                assertSame(where, n, (k, out) -> k.exp(x, 3, 1.5f, 20, out, 1, n), vector);
                assertSame(where, n, (k, out) -> k.add(out, 1, x, 3, n), vector);
                assertSame(where, n, (k, out) -> select(k, x, n, out), vector);
                assertSame(where, n, (k, out) -> rotate(k, x, y, n / 2, out), vector);
            }
        }
    }

    private static void select(Kernels kernels, float[] x, int n, float[] out) {
        int[] ids = new int[n + 1];
        int count = kernels.select(x, 3, n, 0.5f, ids, 1);
        for (int i = 0; i < count; i++) {
            out[i] = ids[i];
        }
    }

    private static void rotate(Kernels kernels, float[] x, float[] y, int half, float[] out) {
        System.arraycopy(x, 0, out, 1, 2 * half);
        kernels.rotate(out, 1, half, y, x, 1);
    }

    private interface RowKernel {
        void run(Kernels kernels, float[] out);
    }

    private static void assertSame(String where, int n, RowKernel kernel, Kernels vector) {
        float[] expected = new float[n + 2];
        float[] actual = new float[n + 2];
        kernel.run(SCALAR, expected);
        kernel.run(vector, actual);
        assertArrayEquals(bits(expected), bits(actual), where);
    }

    @ParameterizedTest
    @MethodSource("vectorKernels")
    void attentionKernelsEqualTheScalarTwin(Kernels vector) {
        var random = new SplittableRandom(1);
        for (var dtype : KvDType.values()) {
            for (int headDim : new int[] {8, 16, 48, 64, 128}) {
                for (int heads : new int[] {1, 3, 4}) {
                    for (int n : new int[] {1, 5, 16, 17, 32, 40, 63, 64}) {
                        checkAttention(vector, dtype, headDim, heads, n, random);
                    }
                }
            }
        }
    }

    private static void checkAttention(
            Kernels vector, KvDType dtype, int headDim, int heads, int n, RandomGenerator random) {
        int stride = CpuKvCache.stride(headDim);
        var expectedKernels = SCALAR.attention(dtype);
        var actualKernels = vector.attention(dtype);
        float[] q = gaussian(random, heads * headDim + 5, 1);
        var data = segment(random, dtype, 64 * stride);
        long tile = 16L * stride * dtype.bytes();
        long[] tiles = {tile, 0, 3 * tile, 2 * tile};
        int tileCount = Math.ceilDiv(n, 16);
        var where = "%s, headDim %d, heads %d, n %d".formatted(dtype, headDim, heads, n);

        float[] expected = new float[4 * 64];
        float[] actual = new float[4 * 64];
        expectedKernels.scores(heads, q, 5, headDim, data, tiles, tileCount, expected, 0);
        actualKernels.scores(heads, q, 5, headDim, data, tiles, tileCount, actual, 0);
        for (int h = 0; h < heads; h++) {
            assertArrayEquals(
                    bits(Arrays.copyOfRange(expected, h * 64, h * 64 + n)),
                    bits(Arrays.copyOfRange(actual, h * 64, h * 64 + n)),
                    where);
        }

        float[] p = gaussian(random, 4 * 64, 1);
        float[] correction = gaussian(random, 4, 1);
        float[] start = gaussian(random, heads * stride, 1);
        float[] expectedOut = start.clone();
        float[] actualOut = start.clone();
        expectedKernels.accumulate(
                heads, p, 0, n, data, tiles, stride, correction, 0, expectedOut, 0);
        actualKernels.accumulate(heads, p, 0, n, data, tiles, stride, correction, 0, actualOut, 0);
        assertArrayEquals(bits(expectedOut), bits(actualOut), where);

        SCALAR.fold(expectedOut, 0, 0.3f, start, 0, 0.9f, stride);
        vector.fold(actualOut, 0, 0.3f, start, 0, 0.9f, stride);
        assertArrayEquals(bits(expectedOut), bits(actualOut), where);
    }

    private static MemorySegment segment(RandomGenerator random, KvDType dtype, int n) {
        var segment = Arena.ofAuto().allocate((long) n * dtype.bytes(), 64);
        for (int i = 0; i < n; i++) {
            float value = (float) random.nextGaussian();
            if (dtype == KvDType.F32) {
                segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
            } else {
                segment.setAtIndex(ValueLayout.JAVA_SHORT, i, CpuKvCache.bf16(value));
            }
        }
        return segment;
    }

    @ParameterizedTest
    @MethodSource("vectorKernels")
    void wideningIsExact(Kernels vector) {
        int n = 1 << 16;
        try (var arena = Arena.ofConfined()) {
            var bf16 = arena.allocate(2L * n, 64);
            var f32 = arena.allocate(4L * n, 64);
            for (int i = 0; i < n; i++) {
                bf16.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) i);
            }
            vector.widen(bf16, 0, f32, 0, n);
            for (int i = 0; i < n; i++) {
                assertEquals(i << 16, f32.getAtIndex(ValueLayout.JAVA_INT, i));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("vectorKernels")
    void oneBadElementSpoilsTheFiniteMaximum(Kernels vector) {
        for (float bad :
                new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            for (int n : LENGTHS) {
                for (int at = 0; at < n; at += Math.max(1, n / 5)) {
                    float[] x = new float[n];
                    x[at] = bad;
                    assertTrue(Float.isNaN(vector.finiteMax(x, 0, n)));
                    assertTrue(Float.isNaN(SCALAR.finiteMax(x, 0, n)));
                }
            }
        }
    }

    @Test
    void exponentialIsWithinTwoUnitsInTheLastPlace() {
        double worst = 0;
        for (float x = -87.3f; x < 88; x += 0.00037f) {
            double exact = Math.exp(x);
            double error = Math.abs(Exponential.exp(x) - exact) / Math.ulp((float) exact);
            worst = Math.max(worst, error);
        }
        assertTrue(worst < 1.5, "error of " + worst + " ulp");
    }

    @ParameterizedTest
    @ValueSource(floats = {-88, -1e3f, -Float.MAX_VALUE, Float.NEGATIVE_INFINITY})
    void exponentialOfVeryNegativeNumbersIsZero(float x) {
        assertEquals(0f, Exponential.exp(x));
    }

    @Test
    void exponentialKeepsNaNAndZero() {
        assertTrue(Float.isNaN(Exponential.exp(Float.NaN)));
        assertEquals(1f, Exponential.exp(0));
        assertTrue(Exponential.exp(Float.POSITIVE_INFINITY) > 1e38f);
    }

    private static void assertBits(float expected, float actual, String where) {
        assertEquals(Float.floatToRawIntBits(expected), Float.floatToRawIntBits(actual), where);
    }

    private static int[] bits(float[] x) {
        int[] bits = new int[x.length];
        for (int i = 0; i < x.length; i++) {
            bits[i] = Float.floatToRawIntBits(x[i]);
        }
        return bits;
    }
}
