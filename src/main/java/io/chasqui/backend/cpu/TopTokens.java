package io.chasqui.backend.cpu;

import java.util.Arrays;

/** The likeliest tokens offered so far, likeliest first, ties to the lowest id. */
final class TopTokens {
    private final int[] ids;
    private final float[] logits;
    private int count;

    TopTokens(int capacity) {
        ids = new int[capacity];
        logits = new float[capacity];
    }

    /** Whether a token of that logit, offered after all others, would be taken. */
    boolean accepts(float logit) {
        return count < ids.length || (count > 0 && logit > logits[count - 1]);
    }

    /** Tokens must be offered in ascending order of id. */
    void offer(int id, float logit) {
        if (!accepts(logit)) {
            return;
        }
        int at = count < ids.length ? count++ : count - 1;
        while (at > 0 && logits[at - 1] < logit) {
            ids[at] = ids[at - 1];
            logits[at] = logits[at - 1];
            at--;
        }
        ids[at] = id;
        logits[at] = logit;
    }

    int[] tokens() {
        return Arrays.copyOf(ids, count);
    }

    float[] logprobs(double max, double logTotal) {
        float[] logprobs = new float[count];
        for (int i = 0; i < count; i++) {
            logprobs[i] = (float) (logits[i] - max - logTotal);
        }
        return logprobs;
    }
}
