package io.chasqui.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class BlockScalesTest {
    private static final int BLOCKS = 9;
    private static final short INFINITY = 0x7C00;
    private static final short NAN = (short) 0xFE01;

    @ParameterizedTest
    @EnumSource
    void findsNothingInOrdinaryWeights(DType type) {
        assertEquals(-1, BlockScales.firstNonFinite(type, blocks(type)));
    }

    @ParameterizedTest
    @CsvSource({
        "Q4_0,0",
        "Q8_0,0",
        "Q4_1,0",
        "Q4_1,2",
        "Q4_K,0",
        "Q4_K,2",
        "Q5_K,0",
        "Q5_K,2",
        "Q6_K,208"
    })
    void findsTheBlockWhoseScaleIsNotFinite(DType type, int offset) {
        for (short bad : new short[] {INFINITY, NAN}) {
            var blocks = blocks(type);
            set(blocks, 5L * type.blockBytes() + offset, bad);
            assertEquals(5, BlockScales.firstNonFinite(type, blocks));
        }
    }

    @Test
    void looksAtScalesOnlyAndNotAtCodes() {
        var blocks = blocks(DType.Q8_0);
        set(blocks, 2, NAN);
        assertEquals(-1, BlockScales.firstNonFinite(DType.Q8_0, blocks));
    }

    private static MemorySegment blocks(DType type) {
        var blocks = MemorySegment.ofArray(new byte[BLOCKS * type.blockBytes()]);
        RandomWeights.fill(type, blocks, 3);
        return blocks;
    }

    private static void set(MemorySegment blocks, long at, short bits) {
        blocks.set(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), at, bits);
    }
}
