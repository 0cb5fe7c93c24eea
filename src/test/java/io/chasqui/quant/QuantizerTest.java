package io.chasqui.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class QuantizerTest {

    @ParameterizedTest
    @EnumSource(names = {"Q8_0", "Q4_0", "Q4_1"})
    void equalsTheReferenceByteForByte(DType type) throws IOException {
        var vectors = QuantVectors.load();
        var input = vectors.quantizeInput();
        var blocks = new byte[Math.toIntExact(type.bytes(input.length))];
        Quantizer.quantize(type, input, 0, input.length, MemorySegment.ofArray(blocks), 0);
        assertArrayEquals(vectors.quantized(type), blocks);
    }

    @ParameterizedTest
    @EnumSource(names = {"Q8_0", "Q4_0", "Q4_1"})
    void keepsZerosZero(DType type) {
        var blocks = MemorySegment.ofArray(new byte[type.blockBytes()]);
        Quantizer.quantize(type, new float[32], 0, 32, blocks, 0);
        var back = new float[32];
        Dequantizer.dequantize(type, blocks, 0, back, 0, 32);
        assertArrayEquals(new float[32], back, 0f);
    }

    @ParameterizedTest
    @EnumSource(names = {"Q4_K", "F16"})
    void refusesTypesItCannotEncode(DType type) {
        var target = MemorySegment.ofArray(new byte[1000]);
        var error =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> Quantizer.quantize(type, new float[32], 0, 32, target, 0));
        assertTrue(error.getMessage().contains(type.name()));
    }

    @Test
    void refusesCountsThatDoNotFillBlocks() {
        var target = MemorySegment.ofArray(new byte[1000]);
        assertThrows(
                IllegalArgumentException.class,
                () -> Quantizer.quantize(DType.Q8_0, new float[64], 0, 33, target, 0));
    }
}
