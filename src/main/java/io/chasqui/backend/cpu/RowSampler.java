package io.chasqui.backend.cpu;

import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SampledToken;
import io.chasqui.backend.SamplerParams;

/**
 * Samples or scores one row of logits. Holds the working memory of one worker.
 *
 * <p>A token is drawn by inverting the cumulative distribution of the tokens left by the filters,
 * in ascending order of id, at a uniform number of {@link Philox} keyed by (seed, choice, output
 * index). Filters act one after the other: min-p, then top-k, then top-p on what these left,
 * renormalised. Nothing is sorted: a filter is a cut in the order (likelier first, then lower id),
 * which {@link CutFinder} finds.
 */
final class RowSampler {
    /** Logits that share a maximum or a partial sum. */
    private static final int CHUNK = 1024;

    /**
     * Tokens less likely than this times the likeliest are looked at only if those above do not
     * suffice for top-k or top-p.
     */
    private static final float[] GUESSES = {0x1p-11f, 0x1p-18f, 0x1p-26f};

    private static final int[] NO_TOKENS = {};
    private static final float[] NO_LOGPROBS = {};
    private static final SampledToken NOT_FINITE =
            new SampledToken(0, 0, NO_TOKENS, NO_LOGPROBS, false);

    private final Kernels kernels;
    private final int vocab;
    private final LogitsAdjustment adjustment;
    private final CutFinder cutFinder = new CutFinder();
    private final float[] weights;
    private final int[] candidates;
    private final float[] chunkMax;
    private final float[] chunkSums;

    RowSampler(Kernels kernels, int vocab) {
        this.kernels = kernels;
        this.vocab = vocab;
        adjustment = new LogitsAdjustment(vocab);
        weights = new float[vocab];
        candidates = new int[vocab];
        int chunks = Math.ceilDiv(vocab, CHUNK);
        chunkMax = new float[chunks];
        chunkSums = new float[chunks];
    }

    /**
     * @param logits holds the row from {@code at} on
     * @param mask bit set of allowed ids, or null
     */
    SampledToken sample(float[] logits, int at, LogitsRow row, long[] mask) {
        int best = argMax(logits, at, true);
        if (best < 0) {
            return NOT_FINITE;
        }
        int token = row.targetToken();
        TopTokens top = null;
        double logTotal = 0;
        if (row.numLogprobs() >= 0) {
            top = new TopTokens(Math.min(row.numLogprobs(), vocab));
            collectTop(logits, at, top);
            logTotal = exponentials(logits, at, logits[at + best], 1);
            logTotal = StrictMath.log(logTotal);
        }
        if (token == LogitsRow.SAMPLE) {
            token = choose(logits, at, best, row, mask);
            if (token < 0) {
                return NOT_FINITE;
            }
        }
        if (top == null) {
            return new SampledToken(token, 0, NO_TOKENS, NO_LOGPROBS, true);
        }
        double max = logits[at + best];
        return new SampledToken(
                token,
                (float) (logits[at + token] - max - logTotal),
                top.tokens(),
                top.logprobs(max, logTotal),
                true);
    }

    /** The chosen token, or -1 when none is allowed. */
    private int choose(float[] logits, int at, int best, LogitsRow row, long[] mask) {
        float[] values = logits;
        int valuesAt = at;
        int likeliest = best;
        if (LogitsAdjustment.changes(row, mask)) {
            values = adjustment.apply(logits, at, row, mask);
            valuesAt = 0;
            likeliest = argMax(values, 0, false);
            if (likeliest < 0) {
                return -1;
            }
        }
        if (row.params().temperature() == 0) {
            return likeliest;
        }
        return draw(values, valuesAt, values[valuesAt + likeliest], row);
    }

    /**
     * Lowest id of the largest element; -1 if there is none: when {@code finite}, because an
     * element is NaN or infinite; else because all are -infinity.
     */
    private int argMax(float[] x, int at, boolean finite) {
        int bestChunk = -1;
        float best = Float.NEGATIVE_INFINITY;
        for (int c = 0; c < chunkMax.length; c++) {
            int from = at + c * CHUNK;
            int n = chunkLength(c);
            float max = finite ? kernels.finiteMax(x, from, n) : kernels.max(x, from, n);
            if (Float.isNaN(max)) {
                return -1;
            }
            chunkMax[c] = max;
            if (max > best) {
                best = max;
                bestChunk = c;
            }
        }
        if (bestChunk < 0) {
            return -1;
        }
        int id = bestChunk * CHUNK;
        while (x[at + id] != best) {
            id++;
        }
        return id;
    }

    private int chunkLength(int chunk) {
        return Math.min(CHUNK, vocab - chunk * CHUNK);
    }

    /** Offers the ids that may be among the top; {@link #chunkMax} must be that of the row. */
    private void collectTop(float[] logits, int at, TopTokens top) {
        for (int c = 0; c < chunkMax.length; c++) {
            if (!top.accepts(chunkMax[c])) {
                continue;
            }
            int end = c * CHUNK + chunkLength(c);
            for (int id = c * CHUNK; id < end; id++) {
                top.offer(id, logits[at + id]);
            }
        }
    }

    /** weights = exp((x - max) · scale); returns their sum, whose parts stay in chunkSums. */
    private double exponentials(float[] x, int at, float max, float scale) {
        double total = 0;
        for (int c = 0; c < chunkSums.length; c++) {
            int from = c * CHUNK;
            int n = chunkLength(c);
            kernels.exp(x, at + from, max, scale, weights, from, n);
            chunkSums[c] = kernels.sum(weights, from, n);
            total += chunkSums[c];
        }
        return total;
    }

    private int draw(float[] x, int at, float max, LogitsRow row) {
        var params = row.params();
        float scale = Math.min(1 / params.temperature(), Float.MAX_VALUE);
        double total = exponentials(x, at, max, scale);
        double uniform = Philox.uniform(row.seed(), row.choice(), row.outputIndex());
        boolean topK = params.topK() > 0 && params.topK() < vocab;
        boolean topP = params.topP() < 1;
        if (!topK && !topP && params.minP() == 0) {
            return invertAll(uniform * total);
        }
        int count = candidates(params, topK, total);
        if (topK && count > params.topK()) {
            count = cutFinder.keepTop(weights, candidates, count, params.topK());
        }
        if (topP) {
            double survivors = topK || params.minP() > 0 ? mass(count) : total;
            count = cutFinder.keepMass(weights, candidates, count, params.topP() * survivors);
        }
        return invert(count, uniform * mass(count));
    }

    /**
     * Gathers, in ascending order of id, a set of tokens that passes min-p and surely holds all
     * that top-k and top-p will keep.
     */
    private int candidates(SamplerParams params, boolean topK, double total) {
        float lowest = Math.max(params.minP(), Float.MIN_VALUE);
        for (float guess : GUESSES) {
            if (guess <= lowest) {
                break;
            }
            int count = select(guess);
            boolean enough =
                    topK
                            ? count >= params.topK()
                            : params.minP() == 0 && mass(count) >= params.topP() * total;
            if (enough) {
                return count;
            }
        }
        return select(lowest);
    }

    private int select(float threshold) {
        return kernels.select(weights, 0, vocab, threshold, candidates, 0);
    }

    private double mass(int count) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += weights[candidates[i]];
        }
        return sum;
    }

    private int invert(int count, double target) {
        double sum = 0;
        for (int i = 0; i < count; i++) {
            sum += weights[candidates[i]];
            if (sum > target) {
                return candidates[i];
            }
        }
        return candidates[count - 1];
    }

    private int invertAll(double target) {
        double sum = 0;
        int chunk = 0;
        while (chunk < chunkSums.length - 1 && sum + chunkSums[chunk] <= target) {
            sum += chunkSums[chunk++];
        }
        int last = -1;
        for (int id = chunk * CHUNK; id < vocab; id++) {
            if (weights[id] > 0) {
                last = id;
                sum += weights[id];
                if (sum > target) {
                    return id;
                }
            }
        }
        return last >= 0 ? last : lastWithWeight(chunk * CHUNK);
    }

    private int lastWithWeight(int end) {
        int id = end - 1;
        while (weights[id] == 0) {
            id--;
        }
        return id;
    }
}
