package io.chasqui.quant;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The fp16 scales and minima inside blocks. */
public final class BlockScales {
    private static final ValueLayout.OfShort HALF =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int EXPONENT = 0x7C00;
    private static final int[] NONE = {};

    private BlockScales() {}

    /** Index of the first block with an infinite or undefined scale; -1 if there is none. */
    public static long firstNonFinite(DType type, MemorySegment blocks) {
        for (int offset : offsets(type)) {
            long block = firstNonFinite(blocks, offset, type.blockBytes());
            if (block >= 0) {
                return block;
            }
        }
        return -1;
    }

    private static long firstNonFinite(MemorySegment blocks, int offset, int stride) {
        long end = blocks.byteSize();
        for (long at = offset; at < end; at += stride) {
            if ((blocks.get(HALF, at) & EXPONENT) == EXPONENT) {
                return at / stride;
            }
        }
        return -1;
    }

    /** Where the scales lie in a block of the type. */
    private static int[] offsets(DType type) {
        return switch (type) {
            case F32, F16, BF16 -> NONE;
            case Q4_0, Q8_0 -> new int[] {0};
            case Q4_1, Q4_K, Q5_K -> new int[] {0, 2};
            case Q6_K -> new int[] {208};
        };
    }
}
