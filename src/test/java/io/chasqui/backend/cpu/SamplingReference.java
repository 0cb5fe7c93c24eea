package io.chasqui.backend.cpu;

import io.chasqui.backend.LogitsRow;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Sampling by the book, in double arithmetic with a full sort.
 *
 * @param token what is drawn; -1 when no token is allowed
 * @param probabilities of all tokens after the filters
 * @param margin how far a filter's cut or the draw is from the token it would fall on next, in
 *     probability: where that is little, rounding may change the token
 * @param logits after bias and penalties
 */
public record SamplingReference(int token, double[] probabilities, double margin, double[] logits) {

    public static SamplingReference of(float[] raw, LogitsRow row, long[] mask) {
        double[] x = adjust(raw, row, mask);
        var params = row.params();
        double max = Arrays.stream(x).max().orElseThrow();
        if (max == Double.NEGATIVE_INFINITY) {
            return new SamplingReference(-1, new double[x.length], 1, x);
        }
        if (params.temperature() == 0) {
            return greedy(x);
        }
        double[] w =
                Arrays.stream(x).map(v -> Math.exp((v - max) / params.temperature())).toArray();
        Integer[] order = order(x);
        double margin = 1;
        int kept = 0;
        while (kept < w.length && w[order[kept]] > 0 && w[order[kept]] >= params.minP()) {
            kept++;
        }
        if (params.minP() > 0) {
            margin =
                    Arrays.stream(w)
                            .filter(v -> v > 0)
                            .map(v -> Math.abs(v - params.minP()) / v)
                            .min()
                            .orElseThrow();
        }
        if (params.topK() > 0) {
            kept = Math.min(kept, params.topK());
        }
        if (params.topP() < 1) {
            double total = mass(w, order, kept);
            double sum = 0;
            int i = 0;
            do {
                sum += w[order[i++]];
                margin = Math.min(margin, Math.abs(sum / total - params.topP()));
            } while (i < kept && sum < params.topP() * total);
            kept = i;
        }
        return draw(x, w, order, kept, margin, row);
    }

    private static SamplingReference draw(
            double[] x, double[] w, Integer[] order, int kept, double margin, LogitsRow row) {
        double total = mass(w, order, kept);
        double[] p = new double[w.length];
        for (int i = 0; i < kept; i++) {
            p[order[i]] = w[order[i]] / total;
        }
        double u = Philox.uniform(row.seed(), row.choice(), row.outputIndex());
        double sum = 0;
        int token = -1;
        for (int id = 0; id < p.length; id++) {
            sum += p[id];
            if (p[id] > 0) {
                margin = Math.min(margin, Math.abs(sum - u));
                if (token < 0 && sum > u) {
                    token = id;
                }
            }
        }
        return new SamplingReference(token, p, margin, x);
    }

    private static SamplingReference greedy(double[] x) {
        Integer[] order = order(x);
        double[] p = new double[x.length];
        p[order[0]] = 1;
        double gap = x.length == 1 ? 0 : x[order[0]] - x[order[1]];
        double margin = gap == 0 ? 1 : gap / Math.max(1, Math.abs(x[order[0]]));
        return new SamplingReference(order[0], p, margin, x);
    }

    private static double mass(double[] w, Integer[] order, int kept) {
        double sum = 0;
        for (int i = 0; i < kept; i++) {
            sum += w[order[i]];
        }
        return sum;
    }

    private static double[] adjust(float[] raw, LogitsRow row, long[] mask) {
        double[] x = IntStream.range(0, raw.length).mapToDouble(i -> raw[i]).toArray();
        var params = row.params();
        for (int i = 0; i < params.biasIds().length; i++) {
            x[params.biasIds()[i]] += params.biasValues()[i];
        }
        for (int id : row.bannedTokens()) {
            x[id] = Double.NEGATIVE_INFINITY;
        }
        for (int id = 0; mask != null && id < x.length; id++) {
            if ((mask[id / 64] >>> id % 64 & 1) == 0) {
                x[id] = Double.NEGATIVE_INFINITY;
            }
        }
        Set<Integer> seen = new HashSet<>();
        int[] counts = new int[x.length];
        for (int i = 0; i < row.historyLength(); i++) {
            seen.add(row.history()[i]);
            if (i >= row.promptLength()) {
                counts[row.history()[i]]++;
            }
        }
        for (int id : seen) {
            double penalty = params.repetitionPenalty();
            x[id] = x[id] > 0 ? x[id] / penalty : x[id] * penalty;
        }
        for (int id = 0; id < x.length; id++) {
            if (counts[id] > 0) {
                x[id] -= params.frequencyPenalty() * (double) counts[id] + params.presencePenalty();
            }
        }
        return x;
    }

    /** Ids, likeliest first, ties to the lowest. */
    public static Integer[] order(double[] x) {
        Integer[] order = IntStream.range(0, x.length).boxed().toArray(Integer[]::new);
        Arrays.sort(order, Comparator.comparingDouble((Integer id) -> -x[id]));
        return order;
    }

    public static double[] logSoftmax(float[] raw) {
        double max = Double.NEGATIVE_INFINITY;
        for (float v : raw) {
            max = Math.max(max, v);
        }
        double sum = 0;
        for (float v : raw) {
            sum += Math.exp(v - max);
        }
        double logTotal = max + Math.log(sum);
        return IntStream.range(0, raw.length).mapToDouble(i -> raw[i] - logTotal).toArray();
    }

    /** Whether a token is kept, or as likely as the least likely kept one up to rounding. */
    public boolean nearlyKept(int id) {
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < logits.length; i++) {
            if (probabilities[i] > 0) {
                least = Math.min(least, logits[i]);
            }
        }
        return probabilities[id] > 0 || logits[id] >= least - 0.05;
    }
}
