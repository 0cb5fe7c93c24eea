package io.chasqui.engine;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.PendingTokens;
import io.chasqui.backend.SampledToken;
import io.chasqui.engine.SimulatedClient.Fault;
import io.chasqui.executor.HashExecutor;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.kvcache.KvCacheInspector;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * A {@link HashExecutor} that checks each batch against the engine's books, takes time on the
 * virtual clock, and fails as planned. What it finds wrong is kept in {@link #problem}, since the
 * engine takes anything thrown here for a failure of the model.
 */
final class SimulatedExecutor implements ModelExecutor {
    private final Simulation simulation;
    private final SimulationConfig config;
    private final HashExecutor hash;
    private final SplittableRandom random;
    private final int blockSize;
    String problem;
    boolean batchFaults = true;
    private int numPasses;

    /** Requests of the last two passes, which may be run again though parked meanwhile. */
    private Set<Request> launched = Set.of();

    private Set<Request> launchedBefore = Set.of();

    long trace;

    /** Of the step under way. */
    int numCalls;

    int numTokens;
    final Set<Request> seen = new HashSet<>();

    SimulatedExecutor(
            Simulation simulation,
            SimulationConfig config,
            HashExecutor hash,
            SplittableRandom random) {
        this.simulation = simulation;
        this.config = config;
        this.hash = hash;
        this.random = random;
        this.blockSize = config.engine().blockSize();
    }

    void beginStep() {
        numCalls = 0;
        numTokens = 0;
        seen.clear();
    }

    @Override
    public StepHandle execute(ForwardBatch batch) {
        simulation.pass(random.nextInt(50_000) * (1L + batch.numTokens()));
        var requests = new Request[batch.numSequences()];
        for (int s = 0; s < requests.length; s++) {
            requests[s] = simulation.owner(batch.blockTables()[s]);
        }
        if (numCalls++ == 0) {
            numTokens = batch.numTokens();
        }
        try {
            check(batch, requests);
        } catch (SimulationFailure e) {
            require(false, e.getMessage());
        }
        launchedBefore = launched;
        launched = new HashSet<>(Arrays.asList(requests));
        trace(batch);
        boolean fails = batchFaults && random.nextDouble() < config.batchFaults();
        for (var request : requests) {
            fails |= request != null && throwsNow(request);
        }
        if (!fails) {
            var handle = hash.execute(batch);
            return masks -> {
                var sampled = handle.sample(masks).await();
                spoil(batch, requests, sampled);
                return new Late(() -> sampled);
            };
        }
        return failure(batch, requests);
    }

    private StepHandle failure(ForwardBatch batch, Request[] requests) {
        switch (random.nextInt(3)) {
            case 0 -> hash.execute(batch);
            case 1 -> hash.scribble(batch);
            default -> {}
        }
        var failure =
                random.nextBoolean()
                        ? new IllegalStateException("injected: forward pass")
                        : new AssertionError("injected: forward pass");
        return switch (random.nextInt(3)) {
            case 0 -> {
                strike(requests);
                throw sneaky(failure);
            }
            case 1 ->
                    masks -> {
                        strike(requests);
                        throw sneaky(failure);
                    };
            default -> masks -> lateFailure(requests, failure);
        };
    }

    private PendingTokens lateFailure(Request[] requests, Throwable failure) {
        return new Late(
                () -> {
                    strike(requests);
                    throw sneaky(failure);
                });
    }

    /** A pass of a request alone has failed. */
    private void strike(Request[] requests) {
        if (requests.length == 1 && requests[0] != null) {
            simulation.client(requests[0]).strikes[requests[0].choice()]++;
        }
    }

    @Override
    public boolean pipelined() {
        return config.pipelined();
    }

    /** Tokens that may be awaited once, and not when two later passes have begun. */
    private final class Late implements PendingTokens {
        private final PendingTokens tokens;
        private final int pass = ++numPasses;
        private boolean awaited;

        Late(PendingTokens tokens) {
            this.tokens = tokens;
        }

        @Override
        public SampledToken[] await() {
            require(!awaited, "tokens awaited twice");
            require(numPasses - pass <= 1, "tokens awaited after two more passes");
            awaited = true;
            return tokens.await();
        }
    }

    private static RuntimeException sneaky(Throwable failure) {
        if (failure instanceof Error error) {
            throw error;
        }
        return (RuntimeException) failure;
    }

    private boolean throwsNow(Request request) {
        var client = simulation.client(request);
        if (!client.actsOn(request.choice(), request.numTokens())) {
            return false;
        }
        if (client.fault == Fault.THROWS_ONCE && !client.faultDone) {
            client.faultDone = true;
            return true;
        }
        return client.fault == Fault.THROWS_ALWAYS;
    }

    private void spoil(ForwardBatch batch, Request[] requests, SampledToken[] sampled) {
        int s = 0;
        for (int i = 0; i < sampled.length; i++) {
            var row = batch.rows()[i];
            while (batch.queryStart()[s + 1] <= row.tokenIndex()) {
                s++;
            }
            if (requests[s] == null
                    || row.targetToken() != LogitsRow.SAMPLE
                    || !simulation.client(requests[s]).actsOn(row.choice(), row.historyLength())) {
                continue;
            }
            var client = simulation.client(requests[s]);
            var token = sampled[i];
            if (client.fault == Fault.NOT_FINITE) {
                sampled[i] =
                        new SampledToken(
                                token.token(),
                                Float.NaN,
                                token.topTokens(),
                                token.topLogprobs(),
                                false);
                client.hit[row.choice()] = true;
            } else if (client.fault == Fault.NO_TEXT) {
                sampled[i] =
                        new SampledToken(
                                Simulation.CURSED_TOKEN,
                                token.logprob(),
                                token.topTokens(),
                                token.topLogprobs(),
                                true);
                client.hit[row.choice()] = true;
            }
        }
    }

    private void trace(ForwardBatch batch) {
        for (int i = 0; i < batch.numTokens(); i++) {
            trace =
                    HashExecutor.slotHash(
                            trace + batch.slotMapping()[i],
                            batch.tokens()[i],
                            batch.positions()[i]);
        }
    }

    // ------------------------------------------------------------------ checks of a batch

    private void check(ForwardBatch batch, Request[] requests) {
        var slots = new BitSet();
        for (int s = 0; s < requests.length; s++) {
            var request = requests[s];
            require(request != null, "a block table that no running request has");
            if (request == null) {
                continue;
            }
            int from = batch.queryStart()[s];
            int to = batch.queryStart()[s + 1];
            require(to > from, "a request without tokens");
            require(numCalls > 1 || seen.add(request), "a request twice in a step: " + request);
            simulation.client(request).started(request);
            simulation.computing(request, batch.seqLens()[s]);
            require(
                    !simulation.wasParked(request)
                            || launched.contains(request)
                            || launchedBefore.contains(request),
                    "scheduled though parked: " + request);
            require(
                    batch.positions()[from] == request.numComputedTokens(),
                    "does not go on where it was: " + request);
            require(
                    batch.seqLens()[s] == batch.positions()[to - 1] + 1
                            && batch.seqLens()[s] <= request.numTokens(),
                    "length of " + request);
            require(
                    batch.seqLens()[s]
                            <= request.promptLength()
                                    + Math.max(0, request.params().maxTokens() - 1),
                    "goes on beyond its end: " + request);
            for (int t = from; t < to; t++) {
                check(batch, s, t, request, slots);
            }
        }
        int last = -1;
        for (var row : batch.rows()) {
            require(row.tokenIndex() > last, "rows not in order");
            last = row.tokenIndex();
            require(
                    !row.params().readsHistory() || row.history()[row.historyLength() - 1] >= 0,
                    "a row reads a history that is not known");
        }
    }

    private void check(ForwardBatch batch, int s, int t, Request request, BitSet slots) {
        int position = batch.positions()[t];
        int index = position / blockSize;
        int slot = batch.slotMapping()[t];
        require(
                position == batch.positions()[batch.queryStart()[s]] + t - batch.queryStart()[s],
                "positions");
        require(batch.tokens()[t] == request.sequence().tokens()[position], "tokens");
        require(
                slot == batch.blockTables()[s][index] * blockSize + position % blockSize,
                "slot of position " + position + " of " + request);
        require(!slots.get(slot), "two tokens in slot " + slot);
        slots.set(slot);
        require(
                KvCacheInspector.mayBeWritten(request.sequence(), index),
                "write into a shared or published block of " + request);
    }

    private void require(boolean holds, String what) {
        if (!holds && problem == null) {
            problem = what;
        }
    }

    @Override
    public void close() {}
}
