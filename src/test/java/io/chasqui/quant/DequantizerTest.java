package io.chasqui.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DequantizerTest {

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "F32")
    void equalsTheReferenceBitForBit(DType type) throws IOException {
        var vectors = QuantVectors.load();
        var expected = vectors.values(type);
        assertBitsEqual(expected, decode(type, vectors.blocks(type), 0, expected.length));
    }

    @Test
    void copiesPlainFloats() {
        float[] values = {1.5f, -0f, Float.MIN_VALUE, Float.NaN, Float.NEGATIVE_INFINITY};
        try (var arena = Arena.ofConfined()) {
            var layout = ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);
            var stored = arena.allocateFrom(layout, values);
            assertBitsEqual(values, decode(DType.F32, stored, 0, values.length));
        }
    }

    @ParameterizedTest
    @EnumSource
    void decodesAnyStretchOfALongTensorAlike(DType type) {
        int blocks = 40_000 / type.blockElements();
        int count = blocks * type.blockElements();
        var stored = MemorySegment.ofArray(new byte[Math.toIntExact(type.bytes(count))]);
        RandomWeights.fill(type, stored, 7);
        var whole = decode(type, stored, 0, count);
        int skipped = blocks / 3;
        int from = skipped * type.blockElements();
        var part = decode(type, stored, (long) skipped * type.blockBytes(), count - from);
        assertBitsEqual(Arrays.copyOfRange(whole, from, count), part);
    }

    @Test
    void writesOnlyItsPartOfTheTarget() {
        var stored = MemorySegment.ofArray(new byte[DType.Q8_0.blockBytes()]);
        RandomWeights.fill(DType.Q8_0, stored, 1);
        var target = new float[34];
        target[0] = 5;
        target[33] = 6;
        Dequantizer.dequantize(DType.Q8_0, stored, 0, target, 1, 32);
        assertEquals(5, target[0]);
        assertEquals(6, target[33]);
        assertBitsEqual(decode(DType.Q8_0, stored, 0, 32), Arrays.copyOfRange(target, 1, 33));
    }

    @Test
    void refusesCountsThatDoNotFillBlocks() {
        var stored = MemorySegment.ofArray(new byte[1000]);
        var target = new float[1000];
        assertThrows(
                IllegalArgumentException.class,
                () -> Dequantizer.dequantize(DType.Q4_0, stored, 0, target, 0, 33));
    }

    @Test
    void refusesToReadPastTheSource() {
        var stored = MemorySegment.ofArray(new byte[DType.Q4_0.blockBytes() - 1]);
        assertThrows(
                IndexOutOfBoundsException.class,
                () -> Dequantizer.dequantize(DType.Q4_0, stored, 0, new float[32], 0, 32));
    }

    private static float[] decode(DType type, MemorySegment stored, long offset, int count) {
        var values = new float[count];
        Dequantizer.dequantize(type, stored, offset, values, 0, count);
        return values;
    }

    private static void assertBitsEqual(float[] expected, float[] actual) {
        assertArrayEquals(bits(expected), bits(actual));
    }

    private static int[] bits(float[] values) {
        var bits = new int[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]);
        }
        return bits;
    }
}
