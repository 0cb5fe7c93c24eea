package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/**
 * Runs products and compares what they write with double precision; what they must not write must
 * be untouched.
 */
final class ProductChecks {
    private static final short UNTOUCHED_SHORT = 0x7f7f;
    private static final int UNTOUCHED_INT = 0x7f7f7f7f;
    private static final int GROUP = 16;

    private final ProductProblem problem;
    private final ProductRig rig;

    ProductChecks(ProductProblem problem, ProductRig rig) {
        this.problem = problem;
        this.rig = rig;
    }

    ProductRig.Qkv qkv(ProductRig.Way way) {
        var p = problem;
        var result = rig.qkv(way);
        int width = p.heads * p.headDim;
        boolean[] written = new boolean[result.cache().keys().length];
        for (int t = 0; t < p.tokens; t++) {
            for (int i = 0; i < width; i++) {
                int head = i / p.headDim;
                near(
                        p.qkv(t, head, i % p.headDim),
                        Bf16.toFloat(result.queries()[t * width + i]),
                        way + ", query of token " + t + ", element " + i);
            }
            if (p.slots[t] < 0) {
                continue;
            }
            for (int h = 0; h < p.kvHeads; h++) {
                for (int d = 0; d < p.headDim; d++) {
                    int at = page(t, h) + d;
                    written[at] = true;
                    near(
                            p.qkv(t, p.heads + h, d),
                            Bf16.toFloat(result.cache().keys()[at]),
                            way + ", key of token " + t + ", dimension " + d);
                    near(
                            p.qkv(t, p.heads + p.kvHeads + h, d),
                            Bf16.toFloat(result.cache().values()[at]),
                            way + ", value of token " + t + ", dimension " + d);
                }
            }
        }
        untouched(result.queries(), p.tokens * width, way + ", queries");
        for (int i = 0; i < written.length; i++) {
            if (!written[i]) {
                assertEquals(UNTOUCHED_SHORT, result.cache().keys()[i], way + ", keys");
                assertEquals(UNTOUCHED_SHORT, result.cache().values()[i], way + ", values");
            }
        }
        return result;
    }

    /** Where a head of a token's key or value begins. */
    int page(int token, int kvHead) {
        int block = problem.slots[token] / problem.blockSize;
        int row =
                (block * problem.kvHeads + kvHead) * problem.blockSize
                        + problem.slots[token] % problem.blockSize;
        return row * problem.headDim;
    }

    short[] gateUp(ProductRig.Way way) {
        var p = problem;
        short[] inner = rig.gateUp(way);
        for (int t = 0; t < p.tokens; t++) {
            for (int i = 0; i < p.ffn; i++) {
                near(
                        p.gateUp(t, i),
                        Bf16.toFloat(inner[t * p.ffn + i]),
                        way + ", token " + t + ", element " + i);
            }
        }
        untouched(inner, p.tokens * p.ffn, way + ", inner");
        return inner;
    }

    ProductRig.Residual residual(ProductRig.Way way) {
        var p = problem;
        var result = rig.residual(way, true);
        int elements = p.tokens * p.hidden;
        for (int i = 0; i < elements; i++) {
            int t = i / p.hidden;
            int row = i % p.hidden;
            var y = p.down(t, row);
            double before = p.values[i];
            var after =
                    new ProductProblem.Near(
                            before + y.value(), y.tolerance() + 1e-6 * Math.abs(before));
            near(after, result.values()[i], way + ", token " + t + ", row " + row);
            float normed = result.values()[i] * p.norm[row];
            assertEquals(Bf16.of(normed), result.x()[i], way + ", x of token " + t);
        }
        untouched(result.x(), elements, way + ", x");
        untouched(result.values(), elements, way + ", residual");
        untouched(result.partial(), 0, way + ", partial sums");
        if (!way.kernel().endsWith("_plain")) {
            for (int g = 0; g < elements / GROUP; g++) {
                float sum = ProductProblem.sumOfSquares(result.values(), g * GROUP);
                assertEquals(sum, result.squares()[g], way + ", squares of group " + g);
            }
        }
        untouched(result.squares(), elements / GROUP, way + ", squares");
        return result;
    }

    float[] partial(ProductRig.Way way) {
        var p = problem;
        float[] partial = rig.residual(way, false).partial();
        for (int i = 0; i < p.tokens * p.hidden; i++) {
            var y = p.down(i / p.hidden, i % p.hidden);
            near(y, partial[i], way + ", partial sum " + i);
        }
        untouched(partial, p.tokens * p.hidden, way + ", partial sums");
        return partial;
    }

    /** This rank's ids lie between those of two others. */
    float[] logits(ProductRig.Way way, int before, int after) {
        var p = problem;
        int width = before + p.vocab + after;
        float[] logits = rig.logits(way, width, before);
        for (int i = 0; i < p.tokens * width; i++) {
            int row = i / width;
            int id = i % width - before;
            var what = way + ", row " + row + ", id " + id;
            if (id < 0 || id >= p.vocab) {
                assertEquals(UNTOUCHED_INT, Float.floatToRawIntBits(logits[i]), what);
            } else {
                near(p.logit(row, id), logits[i], what);
            }
        }
        untouched(logits, p.tokens * width, way + ", logits");
        return logits;
    }

    private void near(ProductProblem.Near expected, double actual, String what) {
        assertTrue(
                expected.holds(actual), () -> what + ": " + actual + ", not " + expected + problem);
    }

    private static void untouched(short[] values, int from, String what) {
        for (int i = from; i < values.length; i++) {
            assertEquals(UNTOUCHED_SHORT, values[i], what + " beyond the last token");
        }
    }

    private static void untouched(float[] values, int from, String what) {
        for (int i = from; i < values.length; i++) {
            assertEquals(
                    UNTOUCHED_INT,
                    Float.floatToRawIntBits(values[i]),
                    what + " beyond the last token");
        }
    }
}
