package io.chasqui.executor;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SampledToken;

/**
 * A model that says what it is told: token {@code outputIndex} of a script, so that answers, stops
 * and errors can be tested whatever a small model says. After the script's end its last token
 * repeats.
 */
public final class ScriptedExecutor implements ModelExecutor {
    private final int[] script;

    public ScriptedExecutor(int... script) {
        this.script = script;
    }

    @Override
    public StepHandle execute(ForwardBatch batch) {
        var sampled = new SampledToken[batch.rows().length];
        for (int i = 0; i < sampled.length; i++) {
            sampled[i] = answer(batch.rows()[i]);
        }
        return masks -> () -> sampled;
    }

    private SampledToken answer(LogitsRow row) {
        int token =
                row.targetToken() != LogitsRow.SAMPLE
                        ? row.targetToken()
                        : script[Math.min(row.outputIndex(), script.length - 1)];
        int top = Math.max(0, row.numLogprobs());
        var topTokens = new int[top];
        var topLogprobs = new float[top];
        for (int i = 0; i < top; i++) {
            topTokens[i] = i == 0 ? token : i;
            topLogprobs[i] = -0.5f - i;
        }
        return new SampledToken(token, -0.5f, topTokens, topLogprobs, true);
    }

    @Override
    public void close() {}
}
