package io.chasqui.testing;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SamplerParams;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/** A sequence with its blocks, to drive a model without an engine. */
public final class TestSequence {
    private static final int[] NONE = {};

    private final int[] blockTable;
    private final int blockSize;
    private int[] tokens;
    private int length;
    private int computed;

    /**
     * @param blockTable enough blocks for all tokens to come
     */
    public TestSequence(int[] prompt, int[] blockTable, int blockSize) {
        this.blockTable = blockTable;
        this.blockSize = blockSize;
        this.tokens = prompt.clone();
        this.length = prompt.length;
    }

    /** A sequence in blocks {@code firstBlock, firstBlock + 1, …}. */
    public static TestSequence contiguous(
            int[] prompt, int firstBlock, int maxLength, int blockSize) {
        int[] blocks = new int[Math.ceilDiv(maxLength, blockSize)];
        Arrays.setAll(blocks, i -> firstBlock + i);
        return new TestSequence(prompt, blocks, blockSize);
    }

    /** A random permutation of the blocks {@code 0 … numBlocks - 1}. */
    public static int[] shuffledBlocks(int numBlocks, RandomGenerator random) {
        int[] blocks = new int[numBlocks];
        Arrays.setAll(blocks, i -> i);
        for (int i = numBlocks - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            int swap = blocks[i];
            blocks[i] = blocks[j];
            blocks[j] = swap;
        }
        return blocks;
    }

    public void append(int token) {
        if (length == tokens.length) {
            tokens = Arrays.copyOf(tokens, 2 * length + 1);
        }
        tokens[length++] = token;
    }

    /** Tokens whose keys and values are not in the cache. */
    public int pending() {
        return length - computed;
    }

    public int computed() {
        return computed;
    }

    public int[] tokens() {
        return Arrays.copyOf(tokens, length);
    }

    /** The next {@code count} tokens of one sequence as part of a batch. */
    public record Slice(TestSequence sequence, int count, boolean allRows) {
        public static Slice lastRow(TestSequence sequence, int count) {
            return new Slice(sequence, count, false);
        }

        public static Slice everyRow(TestSequence sequence, int count) {
            return new Slice(sequence, count, true);
        }
    }

    /**
     * A batch of the next tokens of some sequences, which count as computed from now on. Logits are
     * wanted of the last token of each slice, or of all.
     */
    public static ForwardBatch batch(SamplerParams params, int numLogprobs, Slice... slices) {
        int total = Arrays.stream(slices).mapToInt(Slice::count).sum();
        int[] ids = new int[total];
        int[] positions = new int[total];
        int[] slots = new int[total];
        int[] queryStart = new int[slices.length + 1];
        int[] seqLens = new int[slices.length];
        int[][] tables = new int[slices.length][];
        List<LogitsRow> rows = new ArrayList<>();
        int at = 0;
        for (int s = 0; s < slices.length; s++) {
            var slice = slices[s];
            var sequence = slice.sequence;
            for (int i = 0; i < slice.count; i++, at++) {
                int position = sequence.computed + i;
                ids[at] = sequence.tokens[position];
                positions[at] = position;
                slots[at] =
                        sequence.blockTable[position / sequence.blockSize] * sequence.blockSize
                                + position % sequence.blockSize;
                if (slice.allRows || i == slice.count - 1) {
                    rows.add(sequence.row(at, params, numLogprobs));
                }
            }
            sequence.computed += slice.count;
            queryStart[s + 1] = at;
            seqLens[s] = sequence.computed;
            tables[s] = sequence.blockTable;
        }
        return new ForwardBatch(
                ids, positions, slots, queryStart, seqLens, tables, rows.toArray(LogitsRow[]::new));
    }

    private LogitsRow row(int tokenIndex, SamplerParams params, int numLogprobs) {
        return new LogitsRow(
                tokenIndex,
                LogitsRow.SAMPLE,
                params,
                0,
                0,
                0,
                tokens,
                length,
                length,
                NONE,
                numLogprobs);
    }
}
