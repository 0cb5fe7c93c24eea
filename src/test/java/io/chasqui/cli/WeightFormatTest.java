package io.chasqui.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.RankShape;
import io.chasqui.model.Checkpoint;
import io.chasqui.model.Geometry;
import io.chasqui.quant.DType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

class WeightFormatTest {

    /** GB of published checkpoints, or what their formats' bits per weight come to. */
    @ParameterizedTest
    @CsvSource({
        "bf16, 16.06, 141.1, 811.7",
        "fp8, 9.08, 72.7, 410.1",
        "fp8_ffn, 10.8, 86.2, 487.2",
        "int4, 5.73, 39.8, 217.1",
        "w4a16, 5.70, 39.5, 215.5",
        "nf4, 6.03, 42.7, 234.3",
        "q8_0, 8.53, 75.0, 431",
        "q6_k, 6.59, 57.9, 333",
    })
    void takesWhatCheckpointsTake(String format, String gb8, String gb70, String gb405) {
        assertGb(gb8, Geometry.LLAMA_3_1_8B, format);
        assertGb(gb70, Geometry.LLAMA_3_1_70B, format);
        assertGb(gb405, Geometry.LLAMA_3_1_405B, format);
    }

    /**
     * As near as the last digit, or a thousandth where scales are per row instead of per matrix.
     */
    private static void assertGb(String expected, Geometry geometry, String format) {
        double value = Double.parseDouble(expected);
        int digits = expected.contains(".") ? expected.length() - expected.indexOf('.') - 1 : 0;
        assertEquals(
                value,
                bytes(geometry, WeightFormat.named(format)) / 1e9,
                Math.max(value / 1000, 0.5 * Math.pow(10, -digits)),
                geometry + " in " + format);
    }

    /** The sizes of the eight files that Meta published sum up to 487,229,938,472 bytes. */
    @Test
    void metasFp8CheckpointDiffersByItsHeadersOnly() {
        long bytes = bytes(Geometry.LLAMA_3_1_405B, WeightFormat.FP8_FFN);
        assertEquals(487_229_259_776L, bytes);
        assertTrue(487_229_938_472L - bytes < 1 << 20);
    }

    /** Of GGUF formats and bf16, what tensors of the geometry take; norms are floats there. */
    @ParameterizedTest
    @EnumSource(
            mode = Mode.EXCLUDE,
            names = {"FP8", "FP8_FFN", "INT4", "W4A16", "NF4"})
    void agreesWithTheTensorsOfTheGeometry(WeightFormat format) {
        var geometry = Geometry.LLAMA_3_1_8B;
        try (var checkpoint = Checkpoint.dummy(geometry, DType.valueOf(format.name()), 1)) {
            var whole = new RankShape(geometry.config().shape(), 1);
            assertEquals(
                    checkpoint.weightBytes() - 2 * whole.normElements(), bytes(geometry, format));
        }
    }

    @Test
    void anUnknownFormatIsToldWithTheKnownOnes() {
        var e = assertThrows(UserException.class, () -> WeightFormat.named("int3"));
        assertTrue(e.getMessage().contains("int4, w4a16"), e.getMessage());
        assertEquals(WeightFormat.Q8_0, WeightFormat.named("Q8_0"));
    }

    private static long bytes(Geometry geometry, WeightFormat format) {
        var config = geometry.config();
        return format.checkpoint(new RankShape(config.shape(), 1), config.tiedHead());
    }
}
