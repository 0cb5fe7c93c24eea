package io.chasqui.backend.cpu;

/**
 * The inputs x of a product, {@code [n, columns]}, laid out for the kernels: groups of {@value
 * #TOKENS} tokens, column by column, with sums of columns beside them. A single token lies alone.
 *
 * <p>Filled by {@link #begin} and then {@link #pack} for every token group, which may run on
 * several threads.
 *
 * <p>Values below 2^-100 count as zero, so that dividing by the small powers of two that the
 * kernels need is exact.
 */
final class PackedActivations {
    /** Tokens of a group. */
    static final int TOKENS = 4;

    private static final float SMALLEST = 0x1p-100f;

    private final float[] values;
    private final float[] sums16;
    private final float[] sums32;

    // A single token only: values for codes that come out multiplied by a power of two.
    private final float[] scaled8;
    private final float[] scaled4;

    private int n;
    private int columns;
    private int width;

    /**
     * @param maxTokens most tokens ever given
     * @param maxColumns most columns ever given
     */
    PackedActivations(int maxTokens, int maxColumns) {
        int tokens = Math.ceilDiv(maxTokens, TOKENS) * TOKENS;
        int padded = padded(maxColumns);
        values = new float[Math.multiplyExact(tokens, padded)];
        sums16 = new float[tokens * (padded / 16)];
        sums32 = new float[tokens * (padded / 32)];
        scaled8 = new float[padded];
        scaled4 = new float[padded];
    }

    /** Columns are filled up with zeros to a multiple of 32. */
    static int padded(int columns) {
        return Math.ceilDiv(columns, 32) * 32;
    }

    /** Starts over with {@code n} tokens of {@code columns} columns. */
    void begin(int n, int columns) {
        this.n = n;
        this.columns = columns;
        this.width = n == 1 ? 1 : TOKENS;
    }

    /** Number of token groups to pack. */
    int groups() {
        return Math.ceilDiv(n, width);
    }

    /**
     * Packs token groups {@code group0..group1}.
     *
     * @param x token t's columns start at {@code t * columns}
     */
    void pack(float[] x, int group0, int group1) {
        if (width == 1) {
            packSingle(x);
            return;
        }
        for (int group = group0; group < group1; group++) {
            for (int j = 0; j < TOKENS; j++) {
                packToken(x, group * TOKENS + j);
            }
        }
    }

    private void packSingle(float[] x) {
        int padded = padded(columns);
        for (int k = 0; k < columns; k++) {
            values[k] = flushed(x[k]);
        }
        for (int k = columns; k < padded; k++) {
            values[k] = 0;
        }
        for (int k = 0; k < padded; k += 4) {
            scaled8[k] = values[k];
            scaled8[k + 1] = values[k + 1] * 0x1p-8f;
            scaled8[k + 2] = values[k + 2];
            scaled8[k + 3] = values[k + 3] * 0x1p-8f;
            scaled4[k] = values[k];
            scaled4[k + 1] = values[k + 1] * 0x1p-4f;
            scaled4[k + 2] = values[k + 2] * 0x1p-8f;
            scaled4[k + 3] = values[k + 3] * 0x1p-12f;
        }
        sumUp(0);
    }

    private void packToken(float[] x, int token) {
        int at = valueIndex(token);
        int filled = token < n ? columns : 0;
        for (int k = 0; k < filled; k++) {
            values[at + k * TOKENS] = flushed(x[token * columns + k]);
        }
        for (int k = filled; k < padded(columns); k++) {
            values[at + k * TOKENS] = 0;
        }
        sumUp(token);
    }

    private static float flushed(float x) {
        return Math.abs(x) < SMALLEST ? 0 : x;
    }

    private void sumUp(int token) {
        int at = valueIndex(token);
        int sum16 = sumIndex(token, 16);
        int sum32 = sumIndex(token, 32);
        for (int g = 0; g < padded(columns) / 32; g++) {
            float low = sum16(at + 32 * g * width);
            float high = sum16(at + (32 * g + 16) * width);
            sums16[sum16 + 2 * g * width] = low;
            sums16[sum16 + (2 * g + 1) * width] = high;
            sums32[sum32 + g * width] = low + high;
        }
    }

    /** A fixed tree, which has no long chain to wait for. */
    private float sum16(int at) {
        float a = sum4(at);
        float b = sum4(at + 4 * width);
        float c = sum4(at + 8 * width);
        float d = sum4(at + 12 * width);
        return (a + b) + (c + d);
    }

    private float sum4(int at) {
        return (values[at] + values[at + width])
                + (values[at + 2 * width] + values[at + 3 * width]);
    }

    int n() {
        return n;
    }

    int columns() {
        return columns;
    }

    /** Tokens of a group as laid out now: 1 or {@link #TOKENS}. */
    int width() {
        return width;
    }

    /** Values; column k of a token lies at {@code valueIndex(token) + k * width()}. */
    float[] values() {
        return values;
    }

    /**
     * Of a single token: value k divided by {@code 2^(bits (k % (16 / bits)))}, for codes of 8 or 4
     * bits.
     */
    float[] scaled(int bits) {
        return bits == 8 ? scaled8 : scaled4;
    }

    /**
     * Sums of each {@code size} columns, 16 or 32; sum g of a token lies at {@code sumIndex(token,
     * size) + g * width()}.
     */
    float[] sums(int size) {
        return size == 16 ? sums16 : sums32;
    }

    int valueIndex(int token) {
        return token / width * width * padded(columns) + token % width;
    }

    int sumIndex(int token, int size) {
        return token / width * width * (padded(columns) / size) + token % width;
    }
}
