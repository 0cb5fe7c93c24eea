package io.chasqui.backend.cuda;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import java.util.Arrays;
import java.util.Random;

/**
 * Random queries, keys and values of some sequences, and what attention gives for them in double
 * precision. Everything of a sequence depends on its own seed only, so that it can be put beside
 * others, in other blocks, or be cut into other steps. All slots that no token has hold NaN.
 */
final class AttentionProblem {
    static final short NAN = (short) 0x7fff;

    /**
     * So far after a key it comes again, with the negative value, then new ones begin. So in a
     * sequence of twice as many tokens little is left of the sum, and a change in its order shows
     * in spite of the rounding to bf16.
     */
    static final int ECHO = 293;

    /**
     * One sequence.
     *
     * @param seed of its numbers
     * @param length tokens when the step is done
     * @param queries how many of them, the last, are in the step
     */
    record Sequence(long seed, int length, int queries) {}

    final int heads;
    final int kvHeads;
    final int headDim;
    final int blockSize;
    final Sequence[] sequences;
    final ForwardBatch batch;
    final short[] queries;
    final short[] keys;
    final short[] values;

    /**
     * @param order draws which blocks the sequences have
     */
    AttentionProblem(
            int heads,
            int kvHeads,
            int headDim,
            int blockSize,
            Random order,
            Sequence... sequences) {
        this.heads = heads;
        this.kvHeads = kvHeads;
        this.headDim = headDim;
        this.blockSize = blockSize;
        this.sequences = sequences;
        batch = batch(order);
        queries = new short[batch.numTokens() * heads * headDim];
        int blocks = Arrays.stream(batch.blockTables()).mapToInt(table -> table.length).sum() + 2;
        keys = new short[blocks * kvHeads * blockSize * headDim];
        values = new short[keys.length];
        Arrays.fill(keys, NAN);
        Arrays.fill(values, NAN);
        for (int s = 0; s < sequences.length; s++) {
            fill(s);
        }
    }

    private ForwardBatch batch(Random order) {
        int[] start = new int[sequences.length + 1];
        int[] lengths = new int[sequences.length];
        int blocks = 0;
        for (int s = 0; s < sequences.length; s++) {
            start[s + 1] = start[s] + sequences[s].queries;
            lengths[s] = sequences[s].length;
            blocks += Math.ceilDiv(lengths[s], blockSize);
        }
        int[] free = shuffled(blocks + 2, order);
        int[] positions = new int[start[sequences.length]];
        int[][] tables = new int[sequences.length][];
        int used = 0;
        for (int s = 0; s < sequences.length; s++) {
            for (int t = start[s]; t < start[s + 1]; t++) {
                positions[t] = lengths[s] - start[s + 1] + t;
            }
            int count = Math.ceilDiv(lengths[s], blockSize);
            tables[s] = Arrays.copyOfRange(free, used, used + count);
            used += count;
        }
        int[] tokens = new int[positions.length];
        return new ForwardBatch(
                tokens, positions, tokens, start, lengths, tables, new LogitsRow[0]);
    }

    private static int[] shuffled(int count, Random random) {
        int[] result = new int[count];
        for (int i = 0; i < count; i++) {
            int j = random.nextInt(i + 1);
            result[i] = result[j];
            result[j] = i;
        }
        return result;
    }

    private void fill(int s) {
        var sequence = sequences[s];
        var random = new Random(sequence.seed);
        for (int position = 0; position < sequence.length; position++) {
            int token = batch.queryStart()[s + 1] - sequence.length + position;
            for (int i = 0; i < heads * headDim; i++) {
                short query = bf16((float) random.nextGaussian() * 2);
                if (token >= batch.queryStart()[s]) {
                    queries[token * heads * headDim + i] = query;
                }
            }
            for (int h = 0; h < kvHeads; h++) {
                for (int d = 0; d < headDim; d++) {
                    int at = element(s, h, position) + d;
                    keys[at] = bf16((float) random.nextGaussian());
                    values[at] = bf16((float) random.nextGaussian() + 0.25f);
                    if (position / ECHO % 2 == 1) {
                        int twin = element(s, h, position - ECHO) + d;
                        keys[at] = keys[twin];
                        values[at] = (short) (values[twin] ^ 0x8000);
                    }
                }
            }
        }
    }

    /** Of a key or value. */
    private int element(int s, int kvHead, int position) {
        int block = batch.blockTables()[s][position / blockSize];
        return ((block * kvHeads + kvHead) * blockSize + position % blockSize) * headDim;
    }

    /** The result for one head of one token, and the sum of its terms' magnitudes. */
    record Expected(double[] values, double[] magnitudes) {}

    Expected expected(int token, int head) {
        int s = 0;
        while (batch.queryStart()[s + 1] <= token) {
            s++;
        }
        int kvHead = head / (heads / kvHeads);
        int count = batch.positions()[token] + 1;
        double[] weights = weights(token, head, s, kvHead, count);
        double[] result = new double[headDim];
        double[] magnitudes = new double[headDim];
        for (int i = 0; i < count; i++) {
            int at = element(s, kvHead, i);
            for (int d = 0; d < headDim; d++) {
                result[d] += weights[i] * number(values[at + d]);
                magnitudes[d] += weights[i] * Math.abs(number(values[at + d]));
            }
        }
        return new Expected(result, magnitudes);
    }

    private double[] weights(int token, int head, int s, int kvHead, int count) {
        double[] weights = new double[count];
        double max = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < count; i++) {
            int key = element(s, kvHead, i);
            int query = (token * heads + head) * headDim;
            double dot = 0;
            for (int d = 0; d < headDim; d++) {
                dot += (double) number(queries[query + d]) * number(keys[key + d]);
            }
            weights[i] = dot / Math.sqrt(headDim);
            max = Math.max(max, weights[i]);
        }
        double sum = 0;
        for (int i = 0; i < count; i++) {
            weights[i] = Math.exp(weights[i] - max);
            sum += weights[i];
        }
        for (int i = 0; i < count; i++) {
            weights[i] /= sum;
        }
        return weights;
    }

    static float number(short bf16) {
        return Float.intBitsToFloat(bf16 << 16);
    }

    static short bf16(float value) {
        return (short) (Float.floatToRawIntBits(value) + 0x8000 >>> 16);
    }
}
