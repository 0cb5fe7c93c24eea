package io.chasqui.cli;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SamplerParams;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Batches of equally long sequences of random tokens, each sequence in KV blocks of its own: what a
 * benchmark feeds a model.
 */
final class UniformBatches {
    private static final int[] NONE = {};

    /** Llama's published sampling defaults, so that sampling costs what it costs in service. */
    private static final SamplerParams SAMPLER =
            new SamplerParams(0.6f, 0.9f, 0, 0, 1, 0, 0, NONE, new float[0]);

    private final int sequences;
    private final int blockSize;
    private final int[][] tokens;
    private final int[][] blockTables;

    /**
     * @param length tokens each sequence may grow to
     */
    UniformBatches(int sequences, int length, int blockSize, int vocab) {
        this.sequences = sequences;
        this.blockSize = blockSize;
        var random = new SplittableRandom(sequences * 31L + length);
        int blocks = blocks(length, blockSize);
        tokens = new int[sequences][];
        blockTables = new int[sequences][blocks];
        for (int s = 0; s < sequences; s++) {
            tokens[s] = random.ints(length, 0, vocab).toArray();
            for (int b = 0; b < blocks; b++) {
                blockTables[s][b] = s * blocks + b;
            }
        }
    }

    /** KV blocks that one sequence of this length takes. */
    static int blocks(int length, int blockSize) {
        return (length + blockSize - 1) / blockSize;
    }

    /**
     * Steps that compute positions {@code [from, to)} of every sequence, at most {@code maxTokens}
     * tokens each, whole sequences together where they fit. Logits are asked for the last position
     * of each sequence.
     */
    List<ForwardBatch> prefill(int from, int to, int maxTokens) {
        var steps = new ArrayList<ForwardBatch>();
        int together = Math.max(1, maxTokens / (to - from));
        for (int s = 0; s < sequences; s += together) {
            int last = Math.min(sequences, s + together);
            for (int p = from; p < to; p += maxTokens) {
                int end = Math.min(to, p + maxTokens);
                steps.add(step(s, last, p, end, end == to));
            }
        }
        return steps;
    }

    /** One token of every sequence, with logits, for each position in {@code [from, to)}. */
    List<ForwardBatch> decode(int from, int to) {
        var steps = new ArrayList<ForwardBatch>();
        for (int p = from; p < to; p++) {
            steps.add(step(0, sequences, p, p + 1, true));
        }
        return steps;
    }

    private ForwardBatch step(
            int firstSequence, int lastSequence, int from, int to, boolean logits) {
        int n = lastSequence - firstSequence;
        int width = to - from;
        var batchTokens = new int[n * width];
        var positions = new int[n * width];
        var slots = new int[n * width];
        var queryStart = new int[n + 1];
        var seqLens = new int[n];
        var tables = new int[n][];
        var rows = new LogitsRow[logits ? n : 0];
        for (int i = 0, t = 0; i < n; i++) {
            int s = firstSequence + i;
            for (int p = from; p < to; p++, t++) {
                batchTokens[t] = tokens[s][p];
                positions[t] = p;
                slots[t] = blockTables[s][p / blockSize] * blockSize + p % blockSize;
            }
            queryStart[i + 1] = t;
            seqLens[i] = to;
            tables[i] = blockTables[s];
            if (logits) {
                rows[i] = row(t - 1, s, to);
            }
        }
        return new ForwardBatch(batchTokens, positions, slots, queryStart, seqLens, tables, rows);
    }

    private LogitsRow row(int tokenIndex, int sequence, int length) {
        return new LogitsRow(
                tokenIndex,
                LogitsRow.SAMPLE,
                SAMPLER,
                sequence,
                0,
                length,
                tokens[sequence],
                length,
                length,
                NONE,
                -1);
    }
}
