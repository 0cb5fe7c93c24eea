package io.chasqui.testing;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** A row of logits in order: likelier first, then lower id; in double arithmetic. */
final class RankedLogits {
    private final float[] logits;
    private final Integer[] order;
    private final double logTotal;

    RankedLogits(float[] logits) {
        this.logits = logits;
        order = IntStream.range(0, logits.length).boxed().toArray(Integer[]::new);
        Arrays.sort(order, Comparator.comparingDouble((Integer id) -> -logits[id]));
        double max = logits[order[0]];
        double total = 0;
        for (float logit : logits) {
            total += Math.exp(logit - max);
        }
        logTotal = max + Math.log(total);
    }

    /** The id of this rank, 0 the likeliest. */
    int token(int rank) {
        return order[rank];
    }

    int rank(int token) {
        int rank = 0;
        while (order[rank] != token) {
            rank++;
        }
        return rank;
    }

    double logprob(int token) {
        return logits[token] - logTotal;
    }
}
