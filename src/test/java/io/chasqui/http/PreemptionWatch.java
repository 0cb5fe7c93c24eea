package io.chasqui.http;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.executor.ModelExecutor;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Notices, by their seeds, requests that were preempted: each computes several tokens at once
 * although its answer has begun.
 */
final class PreemptionWatch implements ModelExecutor {
    private final ModelExecutor executor;
    private final Set<Long> seeds = ConcurrentHashMap.newKeySet();

    PreemptionWatch(ModelExecutor executor) {
        this.executor = executor;
    }

    /** Seeds of the requests that were preempted so far. */
    Set<Long> seeds() {
        return seeds;
    }

    @Override
    public StepHandle execute(ForwardBatch batch) {
        for (var row : batch.rows()) {
            if (row.outputIndex() > 0 && queryLength(batch, row.tokenIndex()) > 1) {
                seeds.add(row.seed());
            }
        }
        return executor.execute(batch);
    }

    private static int queryLength(ForwardBatch batch, int token) {
        int s = 0;
        while (batch.queryStart()[s + 1] <= token) {
            s++;
        }
        return batch.queryStart()[s + 1] - batch.queryStart()[s];
    }

    @Override
    public boolean pipelined() {
        return executor.pipelined();
    }

    @Override
    public void close() {
        executor.close();
    }
}
