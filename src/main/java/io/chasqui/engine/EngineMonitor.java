package io.chasqui.engine;

import static java.lang.System.Logger.Level.ERROR;

import io.chasqui.engine.EngineListener.RequestStats;
import io.chasqui.engine.EngineListener.StepStats;
import io.chasqui.kvcache.KvCacheManager;

/**
 * What others see of the loop: its state after each step, its heartbeat, and what the listener is
 * told. Written by the loop, read by all threads.
 */
final class EngineMonitor {
    private static final System.Logger LOG = System.getLogger(EngineMonitor.class.getName());

    private final EngineListener listener;
    private final Clock clock;
    private final Scheduler scheduler;
    private final KvCacheManager kvCache;

    private long steps;
    private long listenerFailures;
    private volatile EngineStats stats;
    private volatile long heartbeat;
    private volatile boolean working;

    EngineMonitor(
            EngineListener listener, Clock clock, Scheduler scheduler, KvCacheManager kvCache) {
        this.listener = listener;
        this.clock = clock;
        this.scheduler = scheduler;
        this.kvCache = kvCache;
        heartbeat = clock.nanoTime();
        publish();
    }

    /** A step begins. */
    void working() {
        working = true;
        heartbeat();
    }

    /**
     * There is nothing to do.
     *
     * @return whether there was until now
     */
    boolean idle() {
        boolean was = working;
        working = false;
        publish();
        return was;
    }

    void heartbeat() {
        heartbeat = clock.nanoTime();
    }

    /** Nanoseconds without progress while there is work; 0 when there is none. */
    long stalledNanos() {
        return working ? Math.max(0, clock.nanoTime() - heartbeat) : 0;
    }

    EngineStats stats() {
        return stats;
    }

    private void publish() {
        int free = kvCache.numFreeBlocks();
        stats =
                new EngineStats(
                        scheduler.numRunning(),
                        scheduler.numWaiting(),
                        kvCache.numBlocks() - free,
                        kvCache.numCachedBlocks(),
                        kvCache.numBlocks(),
                        steps);
    }

    /** A step is done; to be told before its readers are, who may look at once. */
    void stepDone() {
        steps++;
        publish();
    }

    void report(SchedulerOutput plan, int generated, long nanos) {
        int queries = 0;
        int hits = 0;
        for (var request : plan.admitted()) {
            if (request.numPreemptions() == 0) {
                queries += request.promptLength();
                hits += request.numCachedTokens();
            }
        }
        var step =
                new StepStats(
                        stats.running(),
                        stats.waiting(),
                        plan.numTokens(),
                        generated,
                        stats.usedBlocks(),
                        stats.numBlocks(),
                        plan.preempted().size(),
                        queries,
                        hits,
                        nanos);
        tell(() -> listener.onStep(step));
    }

    void ended(Request request, FinishReason finish, EngineError error) {
        var group = request.group();
        var ended =
                new RequestStats(
                        group.request(),
                        request.choice(),
                        finish,
                        error,
                        request.usage(),
                        group.scheduledNanos(),
                        request.times().firstToken(),
                        clock.nanoTime() - group.arrivalNanos(),
                        request.times().gaps());
        tell(() -> listener.onFinished(ended));
    }

    private void tell(Runnable call) {
        try {
            call.run();
        } catch (Throwable failure) {
            EngineLoop.rethrowFatal(failure);
            if (listenerFailures++ == 0) {
                LOG.log(ERROR, "a listener failed; further failures are not logged", failure);
            }
        }
    }
}
