package io.chasqui.backend.cuda;

import java.util.Arrays;
import java.util.Random;

/**
 * Inputs of the matrix products of one layer, drawn at random, and what becomes of them in double
 * precision. Rows of matrices are drawn in the order in which they lie packed.
 */
final class ProductProblem {
    static final float EPS = 1e-5f;
    private static final int GROUP = 16;

    final int tokens;
    final int hidden;
    final int heads;
    final int kvHeads;
    final int headDim;
    final int ffn;
    final int vocab;
    final int blockSize;
    final int[] positions;
    final int[] slots;
    final int[] logitsTokens;
    final short[] x;
    final float[] squares;
    final float[] values;
    final short[] inner;
    final float[] norm;
    final float[] frequencies;
    final Weights qkv;
    final Weights down;
    final Weights gateUp;
    final Weights head;

    /** A matrix in bf16. */
    record Weights(int rows, int columns, short[] elements) {
        double at(int row, int column) {
            return Bf16.toFloat(elements[row * columns + column]);
        }

        /** As in {@code Matrix} of {@code params.cuh}. */
        short[] tiles() {
            int columnTiles = Math.ceilDiv(columns, 64);
            var tiles = new short[Math.ceilDiv(rows, 64) * columnTiles * 4096];
            for (int r = 0; r < rows; r++) {
                for (int c = 0; c < columns; c++) {
                    int tile = r / 64 * columnTiles + c / 64;
                    int chunk = c % 64 / 8 ^ r % 8;
                    tiles[tile * 4096 + r % 64 * 64 + chunk * 8 + c % 8] =
                            elements[r * columns + c];
                }
            }
            return tiles;
        }
    }

    /** A number and how far from it a result may be. */
    record Near(double value, double tolerance) {
        boolean holds(double result) {
            return Math.abs(result - value) <= tolerance;
        }
    }

    ProductProblem(Random random, int tokens) {
        this.tokens = tokens;
        // One of both has columns for more stages than a ring has.
        boolean wide = random.nextInt(3) == 0;
        hidden = GROUP * (1 + random.nextInt(wide ? 80 : 11));
        kvHeads = 1 + random.nextInt(2);
        heads = kvHeads * (1 + random.nextInt(3));
        headDim = GROUP * (1 + random.nextInt(3));
        ffn = 8 * (1 + random.nextInt(wide ? 20 : 170));
        vocab = 1 + random.nextInt(150);
        blockSize = 1 + random.nextInt(20);
        positions = random.ints(tokens, 0, 131072).toArray();
        slots = new int[tokens];
        for (int t = 0; t < tokens; t++) {
            slots[t] = random.nextInt(5) == 0 ? -1 : tokens - 1 - t;
        }
        logitsTokens = random.ints(tokens, 0, tokens).toArray();
        x = bf16(random, tokens * hidden);
        squares = new float[tokens * hidden / GROUP];
        for (int i = 0; i < squares.length; i++) {
            squares[i] = 16 * random.nextFloat();
        }
        values = floats(random, tokens * hidden);
        inner = bf16(random, tokens * ffn);
        norm = floats(random, hidden);
        frequencies = new float[headDim / 2];
        for (int j = 0; j < frequencies.length; j++) {
            frequencies[j] = (float) Math.pow(500_000, -2.0 * j / headDim);
        }
        qkv = weights(random, (heads + 2 * kvHeads) * headDim, hidden);
        down = weights(random, hidden, ffn);
        gateUp = weights(random, 2 * ffn, hidden);
        head = weights(random, vocab, hidden);
    }

    /** The same model with some of the tokens, in some order, with other slots. */
    private ProductProblem(ProductProblem all, int[] chosen) {
        tokens = chosen.length;
        hidden = all.hidden;
        heads = all.heads;
        kvHeads = all.kvHeads;
        headDim = all.headDim;
        ffn = all.ffn;
        vocab = all.vocab;
        blockSize = all.blockSize;
        norm = all.norm;
        frequencies = all.frequencies;
        qkv = all.qkv;
        down = all.down;
        gateUp = all.gateUp;
        head = all.head;
        positions = new int[tokens];
        slots = new int[tokens];
        logitsTokens = new int[tokens];
        x = new short[tokens * hidden];
        inner = new short[tokens * ffn];
        values = new float[tokens * hidden];
        squares = new float[tokens * hidden / GROUP];
        for (int t = 0; t < tokens; t++) {
            int from = chosen[t];
            positions[t] = all.positions[from];
            slots[t] = all.slots[from] < 0 ? -1 : t;
            logitsTokens[t] = t;
            System.arraycopy(all.x, from * hidden, x, t * hidden, hidden);
            System.arraycopy(all.inner, from * ffn, inner, t * ffn, ffn);
            System.arraycopy(all.values, from * hidden, values, t * hidden, hidden);
            int groups = hidden / GROUP;
            System.arraycopy(all.squares, from * groups, squares, t * groups, groups);
        }
    }

    ProductProblem choose(int[] chosen) {
        return new ProductProblem(this, chosen);
    }

    private static Weights weights(Random random, int rows, int columns) {
        return new Weights(rows, columns, bf16(random, rows * columns));
    }

    private static short[] bf16(Random random, int count) {
        var numbers = new short[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = Bf16.of((float) random.nextGaussian());
        }
        return numbers;
    }

    private static float[] floats(Random random, int count) {
        var numbers = new float[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = (float) random.nextGaussian();
        }
        return numbers;
    }

    private double scale(int token) {
        int groups = hidden / GROUP;
        double sum = 0;
        for (int g = 0; g < groups; g++) {
            sum += squares[token * groups + g];
        }
        return 1 / Math.sqrt(sum / hidden + EPS);
    }

    /** Sums in float are within 2e-5 of the sum of the magnitudes of what is added. */
    private static Near dot(Weights w, int row, short[] in, int token, double scale) {
        double sum = 0;
        double magnitude = 0;
        for (int c = 0; c < w.columns; c++) {
            double product = w.at(row, c) * Bf16.toFloat(in[token * w.columns + c]);
            sum += product;
            magnitude += Math.abs(product);
        }
        return new Near(scale * sum, 2e-5 * scale * magnitude + 1e-7);
    }

    private static Near rounded(double value, double tolerance) {
        return new Near(value, tolerance + Math.scalb(Math.abs(value) + tolerance, -8));
    }

    Near gateUp(int token, int i) {
        int row = i / 8 * 16 + i % 8;
        var gate = dot(gateUp, row, x, token, scale(token));
        var up = dot(gateUp, row + 8, x, token, scale(token));
        double silu = gate.value / (1 + Math.exp(-gate.value));
        double steepest = 1.1;
        return rounded(
                silu * up.value,
                steepest * gate.tolerance * (Math.abs(up.value) + up.tolerance)
                        + Math.abs(silu) * up.tolerance
                        + 1e-6 * Math.abs(silu * up.value));
    }

    /** Element of a head: heads of q, then k, then v. */
    Near qkv(int token, int head, int dim) {
        double scale = scale(token);
        int first = head * headDim;
        if (head >= heads + kvHeads) {
            var value = dot(qkv, first + dim, x, token, scale);
            return rounded(value.value, value.tolerance);
        }
        int j = dim % (headDim / 2);
        int row = first + j / 8 * 16 + j % 8;
        var a = dot(qkv, row, x, token, scale);
        var b = dot(qkv, row + 8, x, token, scale);
        float angle = positions[token] * frequencies[j];
        double c = Math.cos(angle);
        double s = Math.sin(angle);
        double value = dim < headDim / 2 ? a.value * c - b.value * s : b.value * c + a.value * s;
        double tolerance =
                a.tolerance + b.tolerance + 1e-6 * (Math.abs(a.value) + Math.abs(b.value));
        return rounded(value, tolerance);
    }

    Near down(int token, int row) {
        return dot(down, row, inner, token, 1);
    }

    Near logit(int logitsRow, int id) {
        int token = logitsTokens[logitsRow];
        return dot(head, id, x, token, scale(token));
    }

    /** The documented tree over the squares of 16 values. */
    static float sumOfSquares(float[] values, int first) {
        var squares = new float[GROUP];
        for (int i = 0; i < GROUP; i++) {
            squares[i] = values[first + i] * values[first + i];
        }
        for (int apart = GROUP / 2; apart > 0; apart /= 2) {
            for (int i = 0; i < apart; i++) {
                squares[i] += squares[i + apart];
            }
        }
        return squares[0];
    }

    @Override
    public String toString() {
        return "tokens %d, hidden %d, heads %d/%d of %d, ffn %d, vocab %d, block size %d, slots %s"
                .formatted(
                        tokens,
                        hidden,
                        heads,
                        kvHeads,
                        headDim,
                        ffn,
                        vocab,
                        blockSize,
                        Arrays.toString(slots));
    }
}
