package io.chasqui.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.quant.DType;
import io.chasqui.quant.Dequantizer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class GeometryTest {

    @ParameterizedTest
    @CsvSource({
        "llama-3.2-1b,1235814400",
        "llama-3.2-3b,3212749824",
        "llama-3.1-8b,8030261248",
        "llama-3.1-70b,70553706496",
        "llama-3.1-405b,405853388800",
        "smollm2-135m,134515008"
    })
    void hasThePublishedNumberOfParameters(String name, long parameters) {
        try (var checkpoint = Checkpoint.dummy(Geometry.named(name), DType.F32, 0)) {
            assertEquals(4 * parameters, checkpoint.weightBytes());
        }
    }

    @Test
    void firstLayersAreThoseOfTheWhole() {
        try (var whole = Checkpoint.dummy(Geometry.LLAMA_TINY, DType.BF16, 1);
                var first = Checkpoint.dummy(Geometry.LLAMA_TINY, 1, DType.BF16, 1)) {
            assertEquals(1, first.config().layers());
            assertEquals(
                    -1,
                    whole.linear(LlamaTensor.UP, 0)
                            .weightData()
                            .mismatch(first.linear(LlamaTensor.UP, 0).weightData()));
            assertThrows(IllegalArgumentException.class, () -> first.linear(LlamaTensor.UP, 1));
        }
        assertThrows(
                IllegalArgumentException.class,
                () -> Checkpoint.dummy(Geometry.LLAMA_TINY, 3, DType.BF16, 1));
    }

    @Test
    void scalesRopeAsTheReleaseDoes() {
        var unscaled = RopeFrequencies.unscaled(128, 500_000);
        assertEquals(unscaled[63] / 8, Geometry.LLAMA_3_1_8B.config().inverseFrequencies()[63]);
        assertEquals(unscaled[63] / 32, Geometry.LLAMA_3_2_3B.config().inverseFrequencies()[63]);
    }

    @ParameterizedTest
    @EnumSource
    void dummyWeightsAreSmallAndDifferBetweenTensors(DType type) {
        if (576 % type.blockElements() != 0) {
            assertThrows(
                    IllegalArgumentException.class,
                    () -> Checkpoint.dummy(Geometry.SMOLLM2_135M, type, 1));
            return;
        }
        try (var checkpoint = Checkpoint.dummy(Geometry.SMOLLM2_135M, type, 1)) {
            var first = firstRow(checkpoint, 0);
            var second = firstRow(checkpoint, 1);
            int same = 0;
            for (int i = 0; i < first.length; i++) {
                assertTrue(Math.abs(first[i]) < 0.2f);
                same += first[i] == second[i] ? 1 : 0;
            }
            assertTrue(same < first.length / 4, same + " equal values");
            assertEquals(1f, checkpoint.vector(LlamaTensor.FFN_NORM, 7)[5]);
        }
    }

    @Test
    void namesTheKnownOnes() {
        var error =
                assertThrows(IllegalArgumentException.class, () -> Geometry.named("llama-9-1t"));
        assertTrue(error.getMessage().contains("llama-3.1-8b"));
        assertEquals(Geometry.LLAMA_3_1_8B, Geometry.named("Llama-3.1-8B"));
    }

    private static float[] firstRow(Checkpoint checkpoint, int layer) {
        var source = checkpoint.linear(LlamaTensor.QUERY, layer);
        var row = new float[source.columns()];
        Dequantizer.dequantize(source.dtype(), source.weightData(), 0, row, 0, row.length);
        return row;
    }
}
