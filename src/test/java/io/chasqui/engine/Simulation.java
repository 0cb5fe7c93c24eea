package io.chasqui.engine;

import io.chasqui.engine.SimulatedClient.Fault;
import io.chasqui.executor.HashExecutor;
import io.chasqui.kvcache.FaultyBlockHasher;
import io.chasqui.kvcache.KvCacheInspector;
import io.chasqui.testing.ByteTokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * The real engine loop, scheduler, block manager and admission on one thread and a virtual clock,
 * under a workload with faults that one seed decides. After each step all that must hold is
 * checked, and each output is compared with what the request produces alone.
 */
final class Simulation {
    static final int CURSED_TOKEN = 300;
    private static final Set<Integer> END_TOKENS = Set.of(256);

    /**
     * What a seed came to.
     *
     * @param steps steps that computed something
     * @param requests requests accepted
     * @param preemptions requests preempted
     * @param trace hash of all that was computed
     */
    record Result(long steps, int requests, int preemptions, long trace) {}

    private final SplittableRandom random;
    private final SimulationConfig config;
    private final Admission admission;
    private final HashExecutor hash;
    private final SimulatedExecutor executor;
    private final EngineLoop loop;
    private final SimulatedWorkload workload;
    private final EngineInvariants invariants;
    private final Map<RequestGroup, SimulatedClient> clients = new IdentityHashMap<>();
    private final Set<SimulatedClient> live = new LinkedHashSet<>();

    private final Set<Request> parked = new HashSet<>();
    private long now;
    private long stepStart;
    private long steps;
    private long computedSteps;
    private int preemptions;
    private int accepted;
    private boolean quiet;
    private long trace;

    private Simulation(long seed) {
        random = new SplittableRandom(seed);
        config = SimulationConfig.of(random.split());
        workload = new SimulatedWorkload(random, config);
        var engine = config.engine();
        admission = new Admission(engine);
        hash = new HashExecutor(engine.numBlocks(), engine.blockSize(), config.alphabet());
        executor = new SimulatedExecutor(this, config, hash, random.split());
        loop =
                new EngineLoop(
                        engine,
                        executor,
                        new CursedTokenizer(new ByteTokenizer("<end>"), CURSED_TOKEN),
                        END_TOKENS,
                        new Listener(),
                        () -> now,
                        admission,
                        new FaultyBlockHasher(
                                engine.blockSize(),
                                config.hashBits(),
                                SimulatedWorkload.CURSED_PROMPT_TOKEN,
                                SimulatedWorkload.CURSED_KEY));
        invariants = new EngineInvariants(config, admission, loop, executor, live);
    }

    /**
     * Runs one seed.
     *
     * @param busySteps steps in which new requests come; then all that is left ends
     * @throws SimulationFailure when something does not hold
     */
    static Result run(long seed, int busySteps) {
        var simulation = new Simulation(seed);
        try {
            simulation.run(busySteps);
        } catch (SimulationFailure e) {
            throw new SimulationFailure(
                    "seed " + seed + ", step " + simulation.steps + ": " + e.getMessage());
        } catch (RuntimeException | Error e) {
            throw new IllegalStateException(
                    "seed " + seed + ", step " + simulation.steps + ": " + e, e);
        }
        return new Result(
                simulation.computedSteps,
                simulation.accepted,
                simulation.preemptions,
                simulation.trace);
    }

    /**
     * Looks for a failure.
     *
     * @return what failed first, or null when all seeds hold
     */
    static String firstFailure(long firstSeed, int seeds, int busySteps) {
        for (long seed = firstSeed; seed < firstSeed + seeds; seed++) {
            try {
                run(seed, busySteps);
            } catch (RuntimeException e) {
                return e.getMessage();
            }
        }
        return null;
    }

    private void run(int busySteps) {
        while (steps < busySteps) {
            arrive();
            leave();
            step();
            read();
        }
        quiet = true;
        executor.batchFaults = false;
        long bound = steps + stepsToFinish();
        while (!live.isEmpty()) {
            require(steps < bound, live.size() + " requests do not end, such as " + first());
            step();
            read();
        }
        if (loop.isInFlight()) {
            step();
        }
        checkEnd();
    }

    private String first() {
        var client = live.iterator().next();
        return client + " " + client.group.choices();
    }

    /** More steps than what is left can take, preemptions and failures included. */
    private long stepsToFinish() {
        long tokens = 0;
        for (var client : live) {
            var request = client.request;
            tokens +=
                    (long) request.params().n()
                            * (request.promptTokens().length + request.params().maxTokens());
        }
        return 1000 + tokens * (8 + config.engine().maxPreemptions());
    }

    // ------------------------------------------------------------------ the world

    private void arrive() {
        if (random.nextDouble() >= config.arrivalRate()) {
            return;
        }
        for (int i = 1 + random.nextInt(config.burst()); i > 0; i--) {
            if (live.size() < config.maxLive()) {
                submit();
                if (workload.wantsTwin() && random.nextBoolean()) {
                    submit();
                }
            }
        }
    }

    private void submit() {
        var request = workload.newRequest();
        var fault = workload.newFault(request);
        request = workload.curse(request, fault);
        if (fault == Fault.NO_SALT) {
            checkUnsalted(request);
            return;
        }
        int waiting = admission.requests();
        int waitingTokens = admission.tokens();
        int ofKey = admission.requests(request.key());
        try {
            admission.charge(request, 1);
        } catch (AdmissionException e) {
            checkRefusal(request, waiting, waitingTokens, ofKey);
            return;
        }
        accept(request, fault);
    }

    private void accept(GenerationRequest request, Fault fault) {
        var expected = new ReferenceAnswer[request.params().n()];
        for (int choice = 0; choice < expected.length; choice++) {
            expected[choice] =
                    ReferenceAnswer.of(
                            SimulatedWorkload.mended(request, fault),
                            choice,
                            config.alphabet(),
                            END_TOKENS);
        }
        int length = request.promptTokens().length;
        int faultAt =
                random.nextBoolean()
                        ? 0
                        : random.nextInt(length + request.params().maxTokens() + 1);
        var client =
                new SimulatedClient(
                        workload.submitted(),
                        request,
                        fault,
                        faultAt,
                        random.nextInt(expected.length),
                        config.bufferLimit(),
                        expected);
        client.group = loop.newGroup(request, client.buffer);
        client.readsAt = newReadsAt();
        clients.put(client.group, client);
        live.add(client);
        accepted++;
        loop.add(client.group);
        workload.remember(request.promptTokens(), expected[0].tokens());
    }

    private void checkUnsalted(GenerationRequest request) {
        try {
            loop.newGroup(request, new OutputBuffer(() -> {}));
        } catch (IllegalStateException expected) {
            return;
        }
        throw new SimulationFailure("a request without a scope was taken");
    }

    private void checkRefusal(GenerationRequest request, int waiting, int tokens, int ofKey) {
        int n = request.params().n();
        int length = request.promptTokens().length;
        var engine = config.engine();
        require(
                waiting + n > engine.maxQueuedRequests()
                        || tokens + length > Math.max(engine.maxQueuedTokens(), length)
                        || !request.key().isEmpty()
                                && ofKey + n > Math.max(1, engine.maxQueuedRequests() / 2),
                "refused though there was room");
        require(
                waiting == admission.requests()
                        && tokens == admission.tokens()
                        && ofKey == admission.requests(request.key()),
                "a refused request is still charged");
    }

    /** Clients that leave, in whatever state their request is. */
    private void leave() {
        if (config.abortAll() > 0 && random.nextDouble() < config.abortAll()) {
            live.forEach(client -> client.drained = true);
            loop.abortAll(new EngineError(EngineError.Kind.DRAINING, "stopping"));
            live.forEach(SimulatedClient::read);
            for (var client : live) {
                require(client.hasEnded(), client + " outlives the end of all");
            }
        }
        for (var client : live) {
            if (random.nextDouble() < config.cancels()) {
                client.aborted = true;
                loop.abort(client.group, new EngineError(EngineError.Kind.ABORTED, "left"));
                client.read();
                require(client.hasEnded(), client + " goes on though its client left");
            }
        }
    }

    private long newReadsAt() {
        if (random.nextDouble() >= config.slowReaders()) {
            return steps;
        }
        return steps + (random.nextInt(4) == 0 ? 300 : random.nextInt(30));
    }

    private void read() {
        for (var clients = live.iterator(); clients.hasNext(); ) {
            var client = clients.next();
            if (quiet || client.aborted || client.drained) {
                client.read();
            } else if (client.readsAt <= steps) {
                if (random.nextInt(4) == 0) {
                    client.readSome(random);
                } else {
                    client.read();
                }
                client.readsAt = newReadsAt();
            }
            if (client.hasEnded()) {
                checkEnd(client);
                clients.remove();
            }
        }
        if (executor.trace != trace) {
            trace = HashExecutor.fold(executor.trace, now + live.size());
            executor.trace = trace;
        }
    }

    // ------------------------------------------------------------------ a step and its checks

    private void step() {
        now += random.nextInt(1_000_000);
        stepStart = now;
        executor.beginStep();
        var waitingBefore = new ArrayList<Request>();
        boolean couldWork = false;
        boolean inFlight = loop.isInFlight();
        parked.clear();
        for (var client : live) {
            for (var request : client.group.choices()) {
                if (request.isParked()) {
                    parked.add(request);
                } else if (EngineInvariants.isWaiting(request)) {
                    waitingBefore.add(request);
                }
                couldWork |= request.status() == RequestStatus.RUNNING && !request.isParked();
            }
        }
        couldWork |= loop.scheduler().numRunning() == 0 && !waitingBefore.isEmpty();
        long preemptions = numPreemptions();
        int ended = numEnded();
        loop.step();
        steps++;
        computedSteps += executor.numTokens > 0 ? 1 : 0;
        if (executor.problem != null) {
            throw new SimulationFailure(executor.problem);
        }
        require(
                !couldWork
                        || inFlight
                        || executor.numTokens > 0
                        || numPreemptions() > preemptions
                        || numEnded() > ended,
                "a step without progress");
        invariants.check(stepStart, waitingBefore);
        forgetFreeBlocks();
    }

    private long numPreemptions() {
        long n = 0;
        for (var client : live) {
            for (var request : client.group.choices()) {
                n += request.numPreemptions();
            }
        }
        return n;
    }

    private int numEnded() {
        int n = 0;
        for (var client : live) {
            for (var request : client.group.choices()) {
                n += request.status().isFinished() ? 1 : 0;
            }
        }
        return n;
    }

    private void forgetFreeBlocks() {
        for (int id = 0; id < config.engine().numBlocks(); id++) {
            if (KvCacheInspector.isForgotten(loop.kvCache(), id)) {
                hash.forget(id);
            }
        }
    }

    // ------------------------------------------------------------------ ends

    private void checkEnd(SimulatedClient client) {
        for (int choice = 0; choice < client.outputs.size(); choice++) {
            var last = client.outputs.get(choice).getLast();
            var told = client.ends[choice];
            client.require(told != null, choice, "the listener was not told of the end");
            client.require(
                    told.finish() == last.finish() && told.error() == last.error(),
                    choice,
                    "the listener was told of another end");
            if (last.error() != null) {
                client.require(
                        mayEndWith(client, choice, last.error().kind()),
                        choice,
                        "ended with " + last.error() + ", its fault being " + client.fault);
            } else if (!config.pipelined()) {
                // Where steps overlap, it may be a token beyond the end that failed.
                client.require(
                        !client.hit[choice], choice, "finished well although " + client.fault);
                client.require(
                        client.strikes[choice] < 2,
                        choice,
                        "finished well although it failed twice");
            }
        }
    }

    private boolean mayEndWith(SimulatedClient client, int choice, EngineError.Kind kind) {
        var request = client.request;
        long age = now - client.group.arrivalNanos();
        return switch (kind) {
            case INTERNAL ->
                    client.fault == Fault.NO_TEXT && client.hit[choice]
                            || client.fault.isOfGrammar()
                            || contains(
                                    request.promptTokens(), SimulatedWorkload.CURSED_PROMPT_TOKEN);
            case NUMERICAL -> client.fault == Fault.NOT_FINITE && client.hit[choice];
            case POISON ->
                    config.pipelined() ? client.strikes[choice] >= 2 : client.strikes[choice] == 2;
            case QUEUE_TIMEOUT ->
                    client.group.scheduledNanos() < 0 && age >= request.queueTimeout().toNanos();
            case DEADLINE -> request.timeout() != null && age >= request.timeout().toNanos();
            case DRAINING -> client.drained;
            case ABORTED -> client.aborted;
            case ENGINE_DEAD -> false;
        };
    }

    private static boolean contains(int[] tokens, int token) {
        return Arrays.stream(tokens).anyMatch(t -> t == token);
    }

    private void checkEnd() {
        require(
                loop.kvCache().numFreeBlocks() == config.engine().numBlocks(),
                loop.kvCache().numFreeBlocks() + " blocks free at the end");
        require(admission.requests() == 0 && admission.tokens() == 0, "charged at the end");
        require(loop.numGroups() == 0, loop.numGroups() + " requests left");
        require(loop.numExpiries() == 0, loop.numExpiries() + " deadlines left");
        require(!loop.hasWork() && !loop.step(), "work left");
        for (var client : clients.values()) {
            client.read();
        }
    }

    private static void require(boolean holds, String problem) {
        if (!holds) {
            throw new SimulationFailure(problem);
        }
    }

    // ------------------------------------------------------------------ what the executor asks

    /**
     * Notes that a request's tokens are computed up to {@code end}; what it found computed its own
     * scope must have had computed before.
     */
    void computing(Request request, int end) {
        invariants.computing(client(request), request, end);
    }

    /** Lets time pass. */
    void pass(long nanos) {
        now += nanos;
    }

    SimulatedClient client(Request request) {
        return clients.get(request.group());
    }

    boolean wasParked(Request request) {
        return parked.contains(request);
    }

    /** The running request with this block table, or null. */
    Request owner(int[] blockTable) {
        for (var request : loop.scheduler().running()) {
            var sequence = request.sequence();
            int last = blockTable.length - 1;
            if (sequence.numBlocks() == blockTable.length
                    && sequence.blockId(last) == blockTable[last]
                    && Arrays.equals(sequence.blockTable(), blockTable)) {
                return request;
            }
        }
        return null;
    }

    // ------------------------------------------------------------------ what the engine calls

    private final class Listener implements EngineListener {
        private final SplittableRandom faults = random.split();

        @Override
        public void onStep(StepStats stats) {
            preemptions += stats.preemptions();
            note(
                    stats.scheduledTokens() <= config.engine().maxNumBatchedTokens(),
                    "scheduled tokens of " + stats);
            fail();
        }

        @Override
        public void onFinished(RequestStats stats) {
            for (var client : live) {
                if (client.request == stats.request()) {
                    note(client.ends[stats.choice()] == null, client + " ended twice");
                    client.ends[stats.choice()] = stats;
                }
            }
            fail();
        }

        /** What is thrown here the engine does not pass on. */
        private void note(boolean holds, String problem) {
            if (!holds && executor.problem == null) {
                executor.problem = problem;
            }
        }

        private void fail() {
            if (faults.nextDouble() < config.listenerFaults()) {
                throw new IllegalStateException("injected: listener");
            }
        }
    }
}
