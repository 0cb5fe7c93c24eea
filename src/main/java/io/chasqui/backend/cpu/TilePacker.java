package io.chasqui.backend.cpu;

import static io.chasqui.backend.cpu.PackedMatrix.WORD_STRIDE;

import io.chasqui.loader.LinearSource;
import io.chasqui.quant.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Packs rows of one stored type into tiles. Block layouts: ggml-common.h of ggml.
 *
 * <p>Stored rows are read once, in order; each word goes to its place in the tile.
 */
final class TilePacker {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final long LOW_NIBBLES = 0x0f0f0f0f0f0f0f0fL;
    private static final int BLOCK_32_WORDS_4 = 4;

    private final List<LinearSource> sources;
    private final MemorySegment[] bytes;
    private final DType dtype;
    private final int columns;
    private final long rowBytes;
    private final int groups;
    private final int scaleWords;

    TilePacker(List<LinearSource> sources, TileFormat format, int columns) {
        this.sources = sources;
        this.bytes = sources.stream().map(LinearSource::weightData).toArray(MemorySegment[]::new);
        this.dtype = sources.getFirst().dtype();
        this.columns = columns;
        this.rowBytes = dtype.bytes(columns);
        this.groups = format.groups(columns);
        this.scaleWords = format.scaleWords(columns);
    }

    /**
     * Packs {@code rows} rows from {@code firstRow}, counted over all sources, into the zeroed
     * {@code tile}.
     */
    void pack(int firstRow, int rows, MemorySegment tile) {
        int source = 0;
        int row = firstRow;
        while (row >= sources.get(source).rows()) {
            row -= sources.get(source++).rows();
        }
        for (int r = 0; r < rows; r++, row++) {
            if (row == sources.get(source).rows()) {
                row = 0;
                source++;
            }
            long stored = sources.get(source).storedRow(row) * rowBytes;
            packRow(bytes[source], stored, tile, 4L * r);
        }
    }

    /** Packs one row; {@code lane} is its byte offset within the words of the tile. */
    private void packRow(MemorySegment in, long row, MemorySegment tile, long lane) {
        switch (dtype) {
            case F32 -> packWords(in, row, columns, tile, lane);
            case F16, BF16 -> packHalves(in, row, tile, lane);
            case Q8_0 -> packQ8(in, row, tile, lane);
            case Q4_0 -> packQ4(in, row, 2, tile, lane);
            case Q4_1 -> packQ4(in, row, 4, tile, lane);
            case Q4_K, Q5_K -> packQ45K(in, row, tile, lane);
            case Q6_K -> packQ6K(in, row, tile, lane);
        }
    }

    private static void packWords(
            MemorySegment in, long row, int words, MemorySegment tile, long lane) {
        for (int w = 0; w < words; w++) {
            put(tile, w, lane, in.get(INT, row + 4L * w));
        }
    }

    private void packHalves(MemorySegment in, long row, MemorySegment tile, long lane) {
        packWords(in, row, columns / 2, tile, lane);
        if (columns % 2 != 0) {
            int last = in.get(SHORT, row + 2L * (columns - 1)) & 0xffff;
            put(tile, columns / 2, lane, last);
        }
    }

    /** Blocks of 32: F16 scale, 32 signed bytes. */
    private void packQ8(MemorySegment in, long row, MemorySegment tile, long lane) {
        long block = row;
        for (int g = 0; g < groups; g++, block += 34) {
            putHalf(tile, g / 2, lane, g % 2, in.get(SHORT, block));
            for (int w = 0; w < 8; w++) {
                int codes = in.get(INT, block + 2 + 4L * w) ^ 0x80808080;
                put(tile, scaleWords + 8 * g + w, lane, codes);
            }
        }
    }

    /**
     * Blocks of 32: F16 scale, perhaps F16 minimum, 16 bytes whose low nibbles are the first 16
     * codes and whose high nibbles the others.
     */
    private void packQ4(MemorySegment in, long row, int header, MemorySegment tile, long lane) {
        long block = row;
        for (int g = 0; g < groups; g++, block += header + 16) {
            if (header == 4) {
                put(tile, g, lane, in.get(INT, block));
            } else {
                putHalf(tile, g / 2, lane, g % 2, in.get(SHORT, block));
            }
            long head = in.get(LONG, block + header);
            long tail = in.get(LONG, block + header + 8);
            int word = scaleWords + BLOCK_32_WORDS_4 * g;
            put(tile, word, lane, nibbles(head));
            put(tile, word + 1, lane, nibbles(tail));
            put(tile, word + 2, lane, nibbles(head >>> 4));
            put(tile, word + 3, lane, nibbles(tail >>> 4));
        }
    }

    /**
     * Blocks of 256: F16 d and dmin, 8 pairs of 6-bit scale and minimum in 12 bytes, for Q5_K 32
     * bytes of fifth bits, 128 bytes of nibbles. A weight is d·scale·code − dmin·minimum.
     */
    private void packQ45K(MemorySegment in, long row, MemorySegment tile, long lane) {
        boolean fiveBits = dtype == DType.Q5_K;
        long block = row;
        for (int g = 0; g < groups; g += 8, block += dtype.blockBytes()) {
            float d = Float.float16ToFloat(in.get(SHORT, block));
            float dmin = Float.float16ToFloat(in.get(SHORT, block + 2));
            long high = block + 16;
            long low = fiveBits ? block + 48 : block + 16;
            for (int j = 0; j < 8; j++) {
                putFloat(tile, g + j, lane, d * scaleK(in, block + 4, j));
                putFloat(tile, groups + g + j, lane, -dmin * minimumK(in, block + 4, j));
                for (int i = 0; i < 32; i += 8) {
                    long bytes = in.get(LONG, low + 32L * (j / 2) + i) >>> (4 * (j % 2));
                    bytes &= LOW_NIBBLES;
                    if (fiveBits) {
                        long fifth = in.get(LONG, high + i) >>> j & 0x0101010101010101L;
                        bytes |= fifth << 4;
                        int word = scaleWords + 8 * (g + j) + i / 4;
                        put(tile, word, lane, (int) bytes);
                        put(tile, word + 1, lane, (int) (bytes >>> 32));
                    } else {
                        int word = scaleWords + BLOCK_32_WORDS_4 * (g + j) + i / 8;
                        put(tile, word, lane, nibbles(bytes));
                    }
                }
            }
        }
    }

    private static int scaleK(MemorySegment in, long scales, int j) {
        return j < 4
                ? in.get(ValueLayout.JAVA_BYTE, scales + j) & 63
                : in.get(ValueLayout.JAVA_BYTE, scales + j + 4) & 15
                        | (in.get(ValueLayout.JAVA_BYTE, scales + j - 4) & 0xc0) >>> 2;
    }

    private static int minimumK(MemorySegment in, long scales, int j) {
        return j < 4
                ? in.get(ValueLayout.JAVA_BYTE, scales + j + 4) & 63
                : (in.get(ValueLayout.JAVA_BYTE, scales + j + 4) & 0xf0) >>> 4
                        | (in.get(ValueLayout.JAVA_BYTE, scales + j) & 0xc0) >>> 2;
    }

    /**
     * Blocks of 256: 128 bytes of nibbles, 64 bytes of two high bits, 16 signed bytes of scales,
     * F16 d. A weight is d·scale·(code − 32).
     */
    private void packQ6K(MemorySegment in, long row, MemorySegment tile, long lane) {
        long block = row;
        for (int g = 0; g < groups; g += 16, block += 210) {
            float d = Float.float16ToFloat(in.get(SHORT, block + 208));
            for (int j = 0; j < 16; j++) {
                putFloat(tile, g + j, lane, d * in.get(ValueLayout.JAVA_BYTE, block + 192 + j));
            }
            for (int i = 0; i < 256; i += 8) {
                int half = i / 128;
                int quarter = i % 128 / 32;
                long low = in.get(LONG, block + 64L * half + 32 * (quarter & 1) + i % 32);
                long high = in.get(LONG, block + 128 + 32L * half + i % 32);
                long bytes =
                        (low >>> (4 * (quarter / 2)) & LOW_NIBBLES)
                                | (high >>> (2 * quarter) & 0x0303030303030303L) << 4;
                int word = scaleWords + 4 * g + i / 4;
                put(tile, word, lane, (int) bytes);
                put(tile, word + 1, lane, (int) (bytes >>> 32));
            }
        }
    }

    /** The low nibbles of eight bytes side by side. */
    private static int nibbles(long bytes) {
        return (int) Long.compress(bytes, LOW_NIBBLES);
    }

    private static void put(MemorySegment tile, int word, long lane, int value) {
        tile.set(INT, word * WORD_STRIDE + lane, value);
    }

    private static void putFloat(MemorySegment tile, int word, long lane, float value) {
        put(tile, word, lane, Float.floatToRawIntBits(value));
    }

    private static void putHalf(MemorySegment tile, int word, long lane, int half, short value) {
        tile.set(SHORT, word * WORD_STRIDE + lane + 2L * half, value);
    }
}
