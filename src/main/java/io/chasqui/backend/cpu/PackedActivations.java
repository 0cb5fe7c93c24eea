package io.chasqui.backend.cpu;

/**
 * The inputs x of a product, {@code [n, columns]}, laid out for the kernels: groups of {@value
 * #TOKENS} tokens, column by column, with the sums of each 16 columns beside them. A single token
 * lies alone.
 *
 * <p>Filled by {@link #begin} and then {@link #pack} for every token group, which may run on
 * several threads.
 */
final class PackedActivations {
    /** Tokens of a group. */
    static final int TOKENS = 4;

    /** Columns of a sum; the sum of a group of 32 is that of its halves. */
    static final int SUM_COLUMNS = 16;

    private final float[] values;
    private final float[] sums;
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
        sums = new float[tokens * (padded / SUM_COLUMNS)];
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
        int padded = padded(columns);
        for (int group = group0; group < group1; group++) {
            int base = group * width * padded;
            for (int j = 0; j < width; j++) {
                int token = group * width + j;
                int filled = token < n ? columns : 0;
                for (int k = 0; k < filled; k++) {
                    values[base + k * width + j] = x[token * columns + k];
                }
                for (int k = filled; k < padded; k++) {
                    values[base + k * width + j] = 0;
                }
            }
            sumUp(base, group * width * (padded / SUM_COLUMNS), padded);
        }
    }

    private void sumUp(int base, int target, int padded) {
        for (int s = 0; s < padded / SUM_COLUMNS; s++) {
            for (int j = 0; j < width; j++) {
                float sum = 0;
                for (int k = s * SUM_COLUMNS; k < (s + 1) * SUM_COLUMNS; k++) {
                    sum += values[base + k * width + j];
                }
                sums[target + s * width + j] = sum;
            }
        }
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

    /**
     * The values: column k of token j of a group lies at {@code group * width * padded(columns) + k
     * * width + j}.
     */
    float[] values() {
        return values;
    }

    /**
     * The sums: those of columns {@code 16 s …} of token j of a group lie at {@code group * width *
     * padded(columns) / 16 + s * width + j}.
     */
    float[] sums() {
        return sums;
    }

    float value(int token, int k) {
        return values[token / width * width * padded(columns) + k * width + token % width];
    }

    /** Sum of the columns of group {@code g} of {@code size} columns (16 or 32). */
    float sum(int token, int g, int size) {
        int stride = padded(columns) / SUM_COLUMNS;
        int base = token / width * width * stride + token % width;
        return size == SUM_COLUMNS
                ? sums[base + g * width]
                : sums[base + 2 * g * width] + sums[base + (2 * g + 1) * width];
    }
}
