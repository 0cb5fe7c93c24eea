package io.chasqui.backend.cpu;

import static io.chasqui.backend.cpu.PackedMatrix.WORD_STRIDE;

import io.chasqui.backend.cpu.TileFormat.ScaleType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Element access to one tile in plain Java: for row lookups and for the scalar product. */
final class TileReader {
    private static final ValueLayout.OfInt WORD =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final TileFormat format;
    private final int groups;
    private final MemorySegment data;
    private final long scales;
    private final long codes;

    TileReader(TileFormat format, int columns, MemorySegment data, long tileOffset) {
        this.format = format;
        this.groups = format.groups(columns);
        this.data = data;
        this.scales = tileOffset;
        this.codes = tileOffset + format.scaleWords(columns) * WORD_STRIDE;
    }

    /** The code of a weight as a float; for formats without scales, the weight. */
    float code(int r, int k) {
        int bits = format.bits;
        int perWord = format.codesPerWord();
        int word = word(codes, k / perWord, r) >>> (bits * (k % perWord));
        return switch (format) {
            case F32 -> Float.intBitsToFloat(word);
            case BF16 -> Float.intBitsToFloat(word << 16);
            case F16 -> Float.float16ToFloat((short) word);
            default -> word & ((1 << bits) - 1);
        };
    }

    float scale(int r, int g) {
        if (format.scales == ScaleType.F32) {
            return Float.intBitsToFloat(word(scales, g, r));
        }
        if (format.minimum) {
            return Float.float16ToFloat((short) word(scales, g, r));
        }
        return Float.float16ToFloat((short) (word(scales, g / 2, r) >>> (16 * (g % 2))));
    }

    float minimum(int r, int g) {
        return format.scales == ScaleType.F32
                ? Float.intBitsToFloat(word(scales, groups + g, r))
                : Float.float16ToFloat((short) (word(scales, g, r) >>> 16));
    }

    /** The weight, rounded as the checkpoint format defines it. */
    float weight(int r, int k) {
        if (!format.grouped()) {
            return code(r, k);
        }
        int g = k / format.group;
        return format.minimum
                ? scale(r, g) * code(r, k) + minimum(r, g)
                : scale(r, g) * (code(r, k) - format.zero);
    }

    private int word(long base, int index, int r) {
        return data.get(WORD, base + index * WORD_STRIDE + 4L * r);
    }
}
