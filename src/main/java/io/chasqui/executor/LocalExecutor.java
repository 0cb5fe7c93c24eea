package io.chasqui.executor;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.model.LlamaModel;

/** Runs a model in this process. On a CPU the pass is over when {@code execute} returns. */
public final class LocalExecutor implements ModelExecutor {
    private final LlamaModel model;

    public LocalExecutor(LlamaModel model) {
        this.model = model;
    }

    @Override
    public StepHandle execute(ForwardBatch batch) {
        var pass = model.forward(batch);
        return masks -> model.sample(pass, masks);
    }

    @Override
    public boolean pipelined() {
        return model.pipelined();
    }

    @Override
    public void close() {
        model.close();
    }
}
