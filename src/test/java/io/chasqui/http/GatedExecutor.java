package io.chasqui.http;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.executor.ModelExecutor;
import java.util.concurrent.Semaphore;

/** Another executor, whose steps wait to be let through. */
final class GatedExecutor implements ModelExecutor {
    private final ModelExecutor executor;
    private final Semaphore gate = new Semaphore(0);

    GatedExecutor(ModelExecutor executor) {
        this.executor = executor;
    }

    /** Lets this many more steps through. */
    void allow(int steps) {
        gate.release(steps);
    }

    /** Lets no step through that was allowed before and not used. */
    void shut() {
        gate.drainPermits();
    }

    /** Whether a step stands before the gate. */
    boolean isWaiting() {
        return gate.hasQueuedThreads();
    }

    @Override
    public StepHandle execute(ForwardBatch batch) {
        gate.acquireUninterruptibly();
        return executor.execute(batch);
    }

    @Override
    public void close() {}
}
