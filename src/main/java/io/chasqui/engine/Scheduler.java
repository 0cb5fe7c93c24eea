package io.chasqui.engine;

import io.chasqui.engine.SchedulerOutput.Scheduled;
import io.chasqui.kvcache.KvCacheManager;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Decides which requests compute how many tokens in a step. There is no prefill and no decode: a
 * request has tokens, some are computed, and each step moves the one number toward the other. A
 * prompt in chunks, a hit in the prefix cache, a preempted request that computes again, and plain
 * generation are all the same loop.
 *
 * <p>Pure: no clock, no thread, no randomness.
 */
final class Scheduler {
    /** Who comes first: lower priority number, then earlier arrival, then lower choice. */
    static final Comparator<Request> ORDER =
            Comparator.<Request>comparingInt(r -> r.group().request().priority())
                    .thenComparingLong(r -> r.group().arrival())
                    .thenComparingInt(Request::choice);

    private final KvCacheManager kvCache;
    private final int maxNumSeqs;
    private final int maxScoredTokens;
    private final int maxPreemptions;
    private final int watermark;

    /** In order of admission. */
    private final List<Request> running = new ArrayList<>();

    /**
     * Waiting and preempted; a preempted request keeps its arrival and so comes before later ones.
     */
    private final TreeSet<Request> waiting = new TreeSet<>(ORDER);

    /**
     * @param maxNumSeqs most requests running at once
     * @param maxScoredTokens most prompt tokens a step scores
     * @param maxPreemptions preemptions after which a request is spared, if another will do
     */
    Scheduler(KvCacheManager kvCache, int maxNumSeqs, int maxScoredTokens, int maxPreemptions) {
        this.kvCache = kvCache;
        this.maxNumSeqs = maxNumSeqs;
        this.maxScoredTokens = maxScoredTokens;
        this.maxPreemptions = maxPreemptions;
        this.watermark = kvCache.numBlocks() / 100;
    }

    void add(Request request) {
        waiting.add(request);
    }

    /** Takes a request out, wherever it is, and its blocks back. */
    void finish(Request request, RequestStatus end) {
        if (request.status() == RequestStatus.RUNNING) {
            running.remove(request);
        } else {
            waiting.remove(request);
        }
        kvCache.free(request.sequence());
        request.finish(end);
    }

    /** Takes a running request's blocks and puts it back to waiting, before all that came later. */
    void preempt(Request request) {
        running.remove(request);
        kvCache.free(request.sequence());
        request.preempt();
        waiting.add(request);
    }

    int numRunning() {
        return running.size();
    }

    int numWaiting() {
        return waiting.size();
    }

    List<Request> running() {
        return running;
    }

    /** Whether a step could do anything now. */
    boolean hasWork() {
        return firstUnparked(waiting) != null || firstUnparked(running) != null;
    }

    private static Request firstUnparked(Iterable<Request> requests) {
        for (var request : requests) {
            if (!request.isParked()) {
                return request;
            }
        }
        return null;
    }

    /**
     * Plans one step.
     *
     * @param maxNumBatchedTokens most tokens it computes
     */
    SchedulerOutput schedule(int maxNumBatchedTokens) {
        var step = new Step(maxNumBatchedTokens, maxScoredTokens);
        scheduleRunning(step);
        if (step.preempted.isEmpty()) {
            scheduleWaiting(step);
        }
        return new SchedulerOutput(
                step.scheduled,
                step.preempted,
                step.admitted,
                step.failed,
                maxNumBatchedTokens - step.tokensLeft);
    }

    private void scheduleRunning(Step step) {
        for (int i = 0; i < running.size() && step.tokensLeft > 0; ) {
            var request = running.get(i);
            guarded(step, request, () -> scheduleRunning(step, request));
            // A request that lost its place left it to the next one.
            i +=
                    request.status() == RequestStatus.RUNNING && !step.failed.containsKey(request)
                            ? 1
                            : 0;
        }
    }

    private void scheduleRunning(Step step, Request request) {
        int n = request.isParked() ? 0 : step.allowance(request, request.numComputedTokens());
        if (n == 0) {
            return;
        }
        int wanted = request.numComputedTokens() + n;
        while (!kvCache.allocateSlots(request.sequence(), wanted, 0)) {
            var victim = victim(running.indexOf(request));
            preempt(victim);
            step.preempted.add(victim);
            if (victim == request) {
                return;
            }
        }
        step.take(request, n);
        kvCache.cacheFullBlocks(request.sequence(), wanted);
    }

    /**
     * Which of the requests not yet scheduled gives up its blocks: the one that comes last, but for
     * those preempted too often.
     */
    private Request victim(int from) {
        Request last = null;
        Request lastUnspared = null;
        for (var request : running.subList(from, running.size())) {
            if (last == null || ORDER.compare(request, last) > 0) {
                last = request;
            }
            if (request.numPreemptions() < maxPreemptions
                    && (lastUnspared == null || ORDER.compare(request, lastUnspared) > 0)) {
                lastUnspared = request;
            }
        }
        return lastUnspared != null ? lastUnspared : last;
    }

    private void scheduleWaiting(Step step) {
        boolean more = true;
        while (more && step.tokensLeft > 0 && running.size() < maxNumSeqs) {
            var request = firstUnparked(waiting);
            if (request == null) {
                return;
            }
            guarded(step, request, () -> admit(step, request));
            more = request.status() == RequestStatus.RUNNING || step.failed.containsKey(request);
        }
    }

    private void admit(Step step, Request request) {
        int cached = kvCache.takeComputedBlocks(request.sequence());
        int n = step.allowance(request, cached);
        int reserve = running.isEmpty() ? 0 : watermark;
        if (n == 0 || !kvCache.allocateSlots(request.sequence(), cached + n, reserve)) {
            kvCache.free(request.sequence());
            return;
        }
        waiting.remove(request);
        running.add(request);
        request.start(cached);
        step.admitted.add(request);
        step.take(request, n);
        kvCache.cacheFullBlocks(request.sequence(), cached + n);
    }

    /** An error in the scheduling of one request fails that request alone. */
    private void guarded(Step step, Request request, Runnable body) {
        try {
            body.run();
        } catch (Throwable failure) {
            EngineLoop.rethrowFatal(failure);
            step.fail(request, failure);
            // Before anybody shares what it published and will not compute.
            kvCache.withdraw(request.sequence());
            waiting.remove(request);
            running.remove(request);
        }
    }

    /** A step in the making. */
    private static final class Step {
        final List<Scheduled> scheduled = new ArrayList<>();
        final List<Request> preempted = new ArrayList<>();
        final List<Request> admitted = new ArrayList<>();
        final Map<Request, Throwable> failed = new LinkedHashMap<>();
        int tokensLeft;
        int scoredLeft;

        Step(int tokens, int scored) {
            tokensLeft = tokens;
            scoredLeft = scored;
        }

        int allowance(Request request, int computed) {
            if (request.awaitsItsEnd()) {
                return 0;
            }
            int n = Math.min(request.numTokens() - computed, tokensLeft);
            return request.scoresPrompt() ? Math.min(n, scoredLeft) : n;
        }

        void fail(Request request, Throwable cause) {
            failed.put(request, cause);
            scheduled.removeIf(part -> part.request() == request);
        }

        void take(Request request, int n) {
            scheduled.add(new Scheduled(request, n));
            tokensLeft -= n;
            if (request.scoresPrompt()) {
                scoredLeft -= n;
            }
        }
    }
}
