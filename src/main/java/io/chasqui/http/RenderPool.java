package io.chasqui.http;

import io.chasqui.config.HttpConfig;
import io.chasqui.engine.AdmissionException;
import jakarta.inject.Singleton;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;

/** Renders and tokenises on virtual threads: few at once, and a bounded number waiting. */
@Singleton
final class RenderPool implements Executor {
    private final Semaphore running;
    private final AtomicInteger pending = new AtomicInteger();
    private final int maxPending;

    RenderPool(HttpConfig config) {
        running = new Semaphore(config.renderConcurrency());
        maxPending = config.maxPendingRenders();
    }

    /**
     * @throws ApiException when too many are waiting
     */
    @Override
    public void execute(Runnable task) {
        if (pending.incrementAndGet() > maxPending) {
            pending.decrementAndGet();
            var refusal =
                    new AdmissionException(
                            AdmissionException.Reason.QUEUE_FULL,
                            "Too many requests are waiting. Try again soon.",
                            1);
            throw ApiException.of(refusal, null);
        }
        Thread.startVirtualThread(() -> run(task));
    }

    private void run(Runnable task) {
        running.acquireUninterruptibly();
        try {
            task.run();
        } finally {
            running.release();
            pending.decrementAndGet();
        }
    }
}
