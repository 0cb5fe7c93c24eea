package io.chasqui.engine;

import io.chasqui.kvcache.KvCacheInspector;
import io.chasqui.kvcache.KvSequence;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What must hold after each step of a {@link Simulation}. */
final class EngineInvariants {
    private final SimulationConfig config;
    private final Admission admission;
    private final EngineLoop loop;
    private final SimulatedExecutor executor;

    /** The clients whose requests have not ended. */
    private final Set<SimulatedClient> live;

    /** Per scope, the prefixes that it has had computed. */
    private final Map<String, Set<Long>> computed = new HashMap<>();

    EngineInvariants(
            SimulationConfig config,
            Admission admission,
            EngineLoop loop,
            SimulatedExecutor executor,
            Set<SimulatedClient> live) {
        this.config = config;
        this.admission = admission;
        this.loop = loop;
        this.executor = executor;
        this.live = live;
    }

    /**
     * Checks all.
     *
     * @param stepStart when the step began
     * @param waitingBefore requests that waited then and could start
     * @throws SimulationFailure naming what does not hold
     */
    void check(long stepStart, List<Request> waitingBefore) {
        checkLimits();
        checkRequests(stepStart);
        checkOrder(waitingBefore);
        checkBlocks();
    }

    private void checkLimits() {
        require(
                loop.scheduler().numRunning() <= config.engine().maxNumSeqs(),
                loop.scheduler().numRunning() + " requests run");
        require(
                executor.numTokens <= config.engine().maxNumBatchedTokens(),
                executor.numTokens + " tokens in a step");
        int waiting = 0;
        int tokens = 0;
        var byKey = new HashMap<String, Integer>();
        for (var client : live) {
            for (var request : client.group.choices()) {
                if (request.status() == RequestStatus.WAITING) {
                    waiting++;
                    byKey.merge(client.request.key(), 1, Integer::sum);
                    tokens += request.choice() == 0 ? request.promptLength() : 0;
                }
            }
        }
        require(admission.requests() == waiting, admission.requests() + " charged of " + waiting);
        require(admission.tokens() == tokens, admission.tokens() + " tokens charged of " + tokens);
        for (int key = 0; key < config.keys() && config.keys() > 1; key++) {
            require(
                    admission.requests("key" + key) == byKey.getOrDefault("key" + key, 0),
                    "charged to key " + key);
        }
    }

    private void checkRequests(long stepStart) {
        var running = new HashSet<>(loop.scheduler().running());
        require(running.size() == loop.scheduler().numRunning(), "a request runs twice");
        int alive = 0;
        for (var client : live) {
            for (var request : client.group.choices()) {
                if (request.status().isFinished()) {
                    require(request.sequence().numBlocks() == 0, "blocks after the end " + request);
                    require(client.ends[request.choice()] != null, "listener not told " + request);
                } else {
                    alive++;
                    check(client, request, running, stepStart);
                }
            }
        }
        require(
                alive == loop.scheduler().numRunning() + loop.scheduler().numWaiting(),
                alive + " requests live, but not in the scheduler");
        var stats = loop.monitor().stats();
        require(
                stats.running() == loop.scheduler().numRunning()
                        && stats.waiting() == loop.scheduler().numWaiting()
                        && stats.usedBlocks() == stats.numBlocks() - loop.kvCache().numFreeBlocks(),
                "stats " + stats);
    }

    private void check(
            SimulatedClient client, Request request, Set<Request> running, long stepStart) {
        var asked = client.request;
        long age = stepStart - client.group.arrivalNanos();
        require(
                asked.timeout() == null || age < asked.timeout().toNanos(),
                "deadline missed by " + request);
        require(
                client.group.scheduledNanos() >= 0 || age < asked.queueTimeout().toNanos(),
                "waits too long: " + request);
        boolean runs = request.status() == RequestStatus.RUNNING;
        require(runs == running.contains(request), "status of " + request);
        int length = request.numComputedTokens();
        require(
                request.sequence().numBlocks() == loop.kvCache().blocksFor(length),
                request.sequence().numBlocks() + " blocks of " + request);
        require(
                (length < request.numTokens() || loop.isInFlight() && length == request.numTokens())
                        && (runs || length == 0),
                "length of " + request);
        require(
                !KvCacheInspector.anyWithdrawn(request.sequence())
                        || config.pipelined()
                        || config.faults() > 0
                        || config.batchFaults() > 0,
                "withdrawn blocks of " + request);
        if (runs) {
            require(
                    request.numCachedTokens() < request.promptLength()
                            || request.numPreemptions() > 0,
                    "all cached " + request);
        }
    }

    /** No request starts before one that came earlier, or is more urgent, and could start. */
    private void checkOrder(List<Request> waitingBefore) {
        Request earliest = null;
        for (var request : waitingBefore) {
            if (isWaiting(request)
                    && !request.isParked()
                    && !executor.seen.contains(request)
                    && (earliest == null || before(request, earliest))) {
                earliest = request;
            }
        }
        if (earliest == null) {
            return;
        }
        for (var request : waitingBefore) {
            require(
                    !executor.seen.contains(request) || before(request, earliest),
                    request + " starts before " + earliest);
        }
    }

    private static boolean before(Request a, Request b) {
        int pa = a.group().request().priority();
        int pb = b.group().request().priority();
        if (pa != pb) {
            return pa < pb;
        }
        return a.group().arrival() != b.group().arrival()
                ? a.group().arrival() < b.group().arrival()
                : a.choice() < b.choice();
    }

    private void checkBlocks() {
        var sequences = new ArrayList<KvSequence>();
        var owners = new HashMap<Integer, Request>();
        int blockSize = config.engine().blockSize();
        for (var client : live) {
            for (var request : client.group.choices()) {
                var sequence = request.sequence();
                require(KvCacheInspector.isTrue(sequence), "publishes what it is not: " + request);
                sequences.add(sequence);
                for (int i = 0; i < sequence.numBlocks(); i++) {
                    var other = owners.put(sequence.blockId(i), request);
                    if (other != null) {
                        checkShared(request, other, i, blockSize);
                    }
                }
            }
        }
        try {
            loop.kvCache().checkIntegrity(sequences);
        } catch (IllegalStateException e) {
            throw new SimulationFailure(e.getMessage());
        }
        require(
                loop.isInFlight() || !KvCacheInspector.anyPending(loop.kvCache()),
                "a block pending after the step");
    }

    private void checkShared(Request a, Request b, int i, int blockSize) {
        int end = (i + 1) * blockSize;
        require(
                i < b.sequence().numBlocks() && a.sequence().blockId(i) == b.sequence().blockId(i),
                "one block at two places of " + a + " and " + b);
        require(
                KvCacheInspector.isPublished(a.sequence(), i)
                        && end <= a.numTokens()
                        && end <= b.numTokens(),
                "a block shared that is not full, by " + a + " and " + b);
        require(
                Arrays.equals(a.sequence().tokens(), 0, end, b.sequence().tokens(), 0, end),
                "a block of different content shared by " + a + " and " + b);
        require(config.hashBits() < 128 || scope(a).equals(scope(b)), a + " and " + b + " share");
    }

    /**
     * Notes that a request's tokens are computed up to {@code end}; what it found computed its own
     * scope must have had computed before.
     */
    void computing(SimulatedClient client, Request request, int end) {
        if (config.hashBits() < 128) {
            return;
        }
        var known = computed.computeIfAbsent(scope(request), s -> new HashSet<>());
        client.addPrefixes(request, end, config.engine().blockSize(), known);
    }

    private static String scope(Request request) {
        var asked = request.group().request();
        return asked.key() + "/" + asked.cacheSalt();
    }

    static boolean isWaiting(Request request) {
        return request.status() == RequestStatus.WAITING
                || request.status() == RequestStatus.PREEMPTED;
    }

    private static void require(boolean holds, String problem) {
        if (!holds) {
            throw new SimulationFailure(problem);
        }
    }
}
