package io.chasqui.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RandomWeightsTest {
    private static final int ELEMENTS = 1 << 18;

    @ParameterizedTest
    @EnumSource
    void haveMeanZeroAndTheDeviationOfAFreshModel(DType type) {
        var values = new float[ELEMENTS];
        Dequantizer.dequantize(type, filled(type, 42), 0, values, 0, ELEMENTS);
        double sum = 0;
        double squares = 0;
        for (float value : values) {
            sum += value;
            squares += (double) value * value;
        }
        assertEquals(0, sum / ELEMENTS, 5e-4);
        assertEquals(0.02, Math.sqrt(squares / ELEMENTS), 1e-3);
    }

    @ParameterizedTest
    @EnumSource
    void dependOnTheSeedAndOnNothingElse(DType type) {
        assertEquals(-1, filled(type, 1).mismatch(filled(type, 1)));
        assertNotEquals(-1, filled(type, 1).mismatch(filled(type, 2)));
    }

    @ParameterizedTest
    @EnumSource
    void doNotRepeat(DType type) {
        var weights = filled(type, 1);
        long half = weights.byteSize() / 2 / type.blockBytes() * type.blockBytes();
        var first = weights.asSlice(0, half);
        long same = 0;
        for (long at = 0; at < half; at += type.blockBytes()) {
            if (first.asSlice(at, type.blockBytes())
                            .mismatch(weights.asSlice(half + at, type.blockBytes()))
                    == -1) {
                same++;
            }
        }
        long blocks = half / type.blockBytes();
        assertTrue(same < blocks / 10, same + " of " + blocks + " blocks repeat");
    }

    @Test
    void anElementInBf16IsAFunctionOfSeedAndIndex() {
        var weights = filled(DType.BF16, 42);
        for (int i = 0; i < ELEMENTS; i += 1 + i / 7) {
            assertEquals(
                    weights.get(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i),
                    RandomWeights.bf16(42, i));
            assertEquals(RandomWeights.bf16(42, i), RandomWeights.bf16(42 - 5, i + 5));
        }
    }

    private static MemorySegment filled(DType type, long seed) {
        var segment = MemorySegment.ofArray(new byte[Math.toIntExact(type.bytes(ELEMENTS))]);
        RandomWeights.fill(type, segment, seed);
        return segment;
    }
}
