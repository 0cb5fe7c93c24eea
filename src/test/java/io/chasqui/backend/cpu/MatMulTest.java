package io.chasqui.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.loader.LinearSource;
import io.chasqui.quant.DType;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Vector products of every width equal the scalar one bit for bit, and that a double reference. */
class MatMulTest {
    private static final int[] TOKENS = {1, 2, 3, 5, 7, 8, 12, 13, 33, 100, 130};
    private static final int[] FEWER_TOKENS = {1, 3, 12, 13, 33, 130};
    private static final MatMul SCALAR = new ScalarMatMul();
    private static final List<MatMul> VECTORS =
            List.of(
                    new VectorMatMul(FloatVector.SPECIES_128),
                    new VectorMatMul(FloatVector.SPECIES_256),
                    new VectorMatMul(FloatVector.SPECIES_512));

    private static PackedMatrix pack(LinearSource... stacked) {
        return PackedMatrix.pack(List.of(stacked), Arena.ofAuto(), ParallelFor.SEQUENTIAL);
    }

    private static PackedActivations packed(float[] x, int n, int columns) {
        var packed = new PackedActivations(n, columns);
        packed.begin(n, columns);
        packed.pack(x, 0, packed.groups());
        return packed;
    }

    private static float[] multiply(MatMul matMul, PackedMatrix w, float[] x, int n) {
        float[] y = new float[n * w.rows()];
        Arrays.fill(y, Float.NaN);
        var scratch = matMul.newScratch(n, w.columns());
        matMul.multiply(w, packed(x, n, w.columns()), 0, w.tiles(), scratch, y, false);
        return y;
    }

    private static int[] columns(DType type) {
        return switch (type) {
            case F32, F16, BF16 -> new int[] {37, 64, 576, 2048};
            case Q8_0, Q4_0, Q4_1 -> new int[] {32, 96, 576, 1536, 2048};
            case Q4_K, Q5_K, Q6_K -> new int[] {256, 768, 2048};
        };
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void everyWidthEqualsTheScalarTwin(DType type) {
        for (int columns : columns(type)) {
            var w = pack(RandomMatrix.of(type, 77, columns, columns));
            for (int n : columns < 1024 ? TOKENS : FEWER_TOKENS) {
                float[] x = RandomMatrix.inputs(n, columns, n);
                float[] expected = multiply(SCALAR, w, x, n);
                for (var vector : VECTORS) {
                    var where = vector.name() + ", columns " + columns + ", n " + n;
                    assertBits(expected, multiply(vector, w, x, n), where);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void productsAreThoseOfTheDequantizedWeights(DType type) {
        for (int columns : columns(type)) {
            var source = RandomMatrix.of(type, 40, columns, 7);
            float[] weights = RandomMatrix.dequantized(source);
            int n = 3;
            float[] x = RandomMatrix.inputs(n, columns, 5);
            float[] y = multiply(SCALAR, pack(source), x, n);
            for (int t = 0; t < n; t++) {
                for (int r = 0; r < 40; r++) {
                    double sum = 0;
                    double magnitude = 0;
                    for (int k = 0; k < columns; k++) {
                        double product = (double) weights[r * columns + k] * x[t * columns + k];
                        sum += product;
                        magnitude += Math.abs(product);
                    }
                    assertEquals(sum, y[t * 40 + r], 4e-6 * magnitude, type + " row " + r);
                }
            }
        }
    }

    /** A token's products do not depend on its neighbours. */
    @ParameterizedTest
    @EnumSource(DType.class)
    void aTokenAloneEqualsTheTokenInAnyBatch(DType type) {
        int columns = 768;
        var w = pack(RandomMatrix.of(type, 77, columns, 1));
        float[] x = RandomMatrix.inputs(33, columns, 2);
        for (var vector : VECTORS) {
            float[][] alone = new float[33][];
            for (int t = 0; t < 33; t++) {
                float[] token = Arrays.copyOfRange(x, t * columns, (t + 1) * columns);
                alone[t] = multiply(vector, w, token, 1);
            }
            for (int n = 2; n <= 33; n++) {
                float[] y = multiply(vector, w, x, n);
                for (int t = 0; t < n; t++) {
                    float[] row = Arrays.copyOfRange(y, t * w.rows(), (t + 1) * w.rows());
                    assertBits(alone[t], row, vector.name() + ", n " + n + ", token " + t);
                }
            }
        }
    }

    @Test
    void bandsMayBeCutAnywhere() {
        var w =
                pack(
                        RandomMatrix.of(DType.Q4_K, 200, 512, 1),
                        RandomMatrix.of(DType.Q6_K, 77, 512, 2),
                        RandomMatrix.of(DType.F16, 50, 512, 3));
        var random = new SplittableRandom(11);
        for (int n : new int[] {1, 6}) {
            float[] x = RandomMatrix.inputs(n, 512, n);
            float[] expected = multiply(SCALAR, w, x, n);
            for (var vector : VECTORS) {
                for (int round = 0; round < 20; round++) {
                    float[] y = new float[n * w.rows()];
                    var scratch = vector.newScratch(n, 512);
                    var packed = packed(x, n, 512);
                    for (int from = 0; from < w.tiles(); ) {
                        int to = random.nextInt(from + 1, w.tiles() + 1);
                        vector.multiply(w, packed, from, to, scratch, y, false);
                        from = to;
                    }
                    assertBits(expected, y, vector.name() + ", n " + n + ", round " + round);
                }
            }
        }
    }

    @Test
    void accumulatingAddsTheFinishedProduct() {
        var w = pack(RandomMatrix.of(DType.Q8_0, 70, 64, 1));
        for (int n : new int[] {1, 5}) {
            float[] x = RandomMatrix.inputs(n, 64, n);
            float[] product = multiply(SCALAR, w, x, n);
            float[] before = RandomMatrix.inputs(n, 70, 9);
            for (var matMul : VECTORS) {
                float[] y = before.clone();
                var scratch = matMul.newScratch(n, 64);
                matMul.multiply(w, packed(x, n, 64), 0, w.tiles(), scratch, y, true);
                for (int i = 0; i < y.length; i++) {
                    assertEquals(before[i] + product[i], y[i]);
                }
            }
        }
    }

    /** Codes come out of a word times a power of two; that must not show, however small x is. */
    @Test
    void tinyAndHugeInputsKeepTheBits() {
        var random = new SplittableRandom(3);
        for (var type : List.of(DType.Q8_0, DType.Q4_1)) {
            var w = pack(RandomMatrix.of(type, 40, 64, 1));
            for (int exponent = -149; exponent <= 100; exponent += 3) {
                float[] x = new float[64];
                for (int i = 0; i < x.length; i++) {
                    x[i] = Math.scalb((float) random.nextGaussian(), exponent);
                }
                float[] expected = multiply(SCALAR, w, x, 1);
                float[] twice = Arrays.copyOf(x, 128);
                for (var vector : VECTORS) {
                    var where = vector.name() + ", " + type + ", exponent " + exponent;
                    assertBits(expected, multiply(vector, w, x, 1), where);
                    float[] both = multiply(vector, w, twice, 2);
                    assertBits(expected, Arrays.copyOf(both, 40), where);
                }
            }
        }
    }

    @Test
    void notANumberStaysInItsToken() {
        var w = pack(RandomMatrix.of(DType.Q4_0, 40, 64, 1));
        float[] x = RandomMatrix.inputs(5, 64, 1);
        float[] clean = multiply(SCALAR, w, x, 5);
        x[2 * 64 + 9] = Float.NaN;
        for (var vector : VECTORS) {
            float[] y = multiply(vector, w, x, 5);
            for (int t = 0; t < 5; t++) {
                for (int r = 0; r < 40; r++) {
                    float value = y[t * 40 + r];
                    assertTrue(t == 2 ? Float.isNaN(value) : value == clean[t * 40 + r]);
                }
            }
        }
    }

    private static void assertBits(float[] expected, float[] actual, String where) {
        assertEquals(expected.length, actual.length, where);
        for (int i = 0; i < expected.length; i++) {
            if (Float.floatToRawIntBits(expected[i]) != Float.floatToRawIntBits(actual[i])) {
                throw new AssertionError(
                        "%s, index %d: expected %s, was %s"
                                .formatted(where, i, expected[i], actual[i]));
            }
        }
    }
}
