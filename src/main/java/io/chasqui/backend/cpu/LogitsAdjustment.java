package io.chasqui.backend.cpu;

import io.chasqui.backend.LogitsRow;
import java.util.Arrays;

/**
 * Logit bias, banned tokens and mask, then the penalties, in the order that {@link
 * io.chasqui.backend.SamplerParams} states, on a copy of the row.
 */
final class LogitsAdjustment {
    private final float[] adjusted;
    private final int[] outputCounts;
    private final boolean[] penalised;

    LogitsAdjustment(int vocab) {
        adjusted = new float[vocab];
        outputCounts = new int[vocab];
        penalised = new boolean[vocab];
    }

    /** Whether a row's logits are changed at all before the temperature. */
    static boolean changes(LogitsRow row, long[] mask) {
        var params = row.params();
        return mask != null
                || row.bannedTokens().length > 0
                || params.biasIds().length > 0
                || params.repetitionPenalty() != 1
                || params.presencePenalty() != 0
                || params.frequencyPenalty() != 0;
    }

    /** The adjusted row; valid until the next call. */
    float[] apply(float[] logits, int at, LogitsRow row, long[] mask) {
        System.arraycopy(logits, at, adjusted, 0, adjusted.length);
        var params = row.params();
        for (int i = 0; i < params.biasIds().length; i++) {
            adjusted[params.biasIds()[i]] += params.biasValues()[i];
        }
        for (int id : row.bannedTokens()) {
            adjusted[id] = Float.NEGATIVE_INFINITY;
        }
        if (mask != null) {
            applyMask(mask);
        }
        if (params.repetitionPenalty() != 1) {
            penaliseRepetition(row);
        }
        if (params.presencePenalty() != 0 || params.frequencyPenalty() != 0) {
            penaliseOutput(row);
        }
        return adjusted;
    }

    private void applyMask(long[] mask) {
        for (int word = 0; word * Long.SIZE < adjusted.length; word++) {
            long allowed = word < mask.length ? mask[word] : 0;
            int end = Math.min(Long.SIZE, adjusted.length - word * Long.SIZE);
            if (allowed == 0) {
                Arrays.fill(
                        adjusted,
                        word * Long.SIZE,
                        word * Long.SIZE + end,
                        Float.NEGATIVE_INFINITY);
                continue;
            }
            for (int bit = 0; bit < end; bit++) {
                if ((allowed >>> bit & 1) == 0) {
                    adjusted[word * Long.SIZE + bit] = Float.NEGATIVE_INFINITY;
                }
            }
        }
    }

    private void penaliseRepetition(LogitsRow row) {
        float penalty = row.params().repetitionPenalty();
        int[] history = row.history();
        for (int i = 0; i < row.historyLength(); i++) {
            int id = history[i];
            if (!penalised[id]) {
                penalised[id] = true;
                float x = adjusted[id];
                adjusted[id] = x > 0 ? x / penalty : x * penalty;
            }
        }
        for (int i = 0; i < row.historyLength(); i++) {
            penalised[history[i]] = false;
        }
    }

    private void penaliseOutput(LogitsRow row) {
        int[] history = row.history();
        for (int i = row.promptLength(); i < row.historyLength(); i++) {
            outputCounts[history[i]]++;
        }
        var params = row.params();
        for (int i = row.promptLength(); i < row.historyLength(); i++) {
            int id = history[i];
            if (outputCounts[id] > 0) {
                adjusted[id] -=
                        params.frequencyPenalty() * outputCounts[id] + params.presencePenalty();
                outputCounts[id] = 0;
            }
        }
    }
}
