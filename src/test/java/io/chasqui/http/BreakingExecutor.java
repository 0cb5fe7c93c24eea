package io.chasqui.http;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.SampledToken;
import io.chasqui.executor.ModelExecutor;

/** Says a letter per token until its logits are no longer numbers. */
final class BreakingExecutor implements ModelExecutor {
    private final int goodTokens;

    BreakingExecutor(int goodTokens) {
        this.goodTokens = goodTokens;
    }

    @Override
    public StepHandle execute(ForwardBatch batch) {
        var sampled = new SampledToken[batch.rows().length];
        for (int i = 0; i < sampled.length; i++) {
            boolean good = batch.rows()[i].outputIndex() < goodTokens;
            sampled[i] = new SampledToken('x', 0, new int[0], new float[0], good);
        }
        return masks -> () -> sampled;
    }

    @Override
    public void close() {}
}
