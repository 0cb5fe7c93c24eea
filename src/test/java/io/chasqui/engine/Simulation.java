package io.chasqui.engine;

import io.chasqui.backend.SamplerParams;
import io.chasqui.engine.SimulatedClient.Fault;
import io.chasqui.executor.HashExecutor;
import io.chasqui.kvcache.FaultyBlockHasher;
import io.chasqui.kvcache.KvCacheInspector;
import io.chasqui.kvcache.KvSequence;
import io.chasqui.testing.ByteTokenizer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
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
    private static final int CURSED_PROMPT_TOKEN = 199;
    private static final String CURSED_KEY = "cursed";
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
    private final Map<RequestGroup, SimulatedClient> clients = new IdentityHashMap<>();
    private final Set<SimulatedClient> live = new LinkedHashSet<>();

    /** Prompts and whole answers that new prompts may begin with. */
    private final List<int[]> prefixes = new ArrayList<>();

    /** Prompt of the last request with a fault, if that was the last request. */
    private int[] twin;

    /** Per scope, the prefixes that it has had computed. */
    private final Map<String, Set<Long>> computed = new HashMap<>();

    private final Set<Request> parked = new HashSet<>();
    private long now;
    private long stepStart;
    private long steps;
    private long computedSteps;
    private int preemptions;
    private int submitted;
    private int accepted;
    private boolean quiet;
    private long trace;

    private Simulation(long seed) {
        random = new SplittableRandom(seed);
        config = SimulationConfig.of(random.split());
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
                                CURSED_PROMPT_TOKEN,
                                CURSED_KEY));
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
                if (twin != null && random.nextBoolean()) {
                    submit();
                }
            }
        }
    }

    private void submit() {
        var request = newRequest();
        var fault = newFault(request);
        request = curse(request, fault);
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
            expected[choice] = ReferenceAnswer.of(request, choice, config.alphabet(), END_TOKENS);
        }
        int length = request.promptTokens().length;
        int faultAt =
                random.nextBoolean()
                        ? 0
                        : random.nextInt(length + request.params().maxTokens() + 1);
        var client =
                new SimulatedClient(
                        submitted,
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
        remember(request.promptTokens(), expected[0].tokens());
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

    private GenerationRequest newRequest() {
        var prompt = newPrompt();
        int room = config.maxLength() - prompt.length;
        int maxTokens = random.nextInt(8) == 0 ? 0 : random.nextInt(Math.min(room, 80) + 1);
        boolean scores = random.nextDouble() < config.scoring();
        var alphabet = config.alphabet();
        var stop = new ArrayList<String>();
        for (int i = random.nextInt(3); i > 0 && random.nextBoolean(); i--) {
            stop.add(newStop());
        }
        var stopIds = new HashSet<Integer>();
        if (random.nextInt(4) == 0) {
            stopIds.add(alphabet[1 + random.nextInt(alphabet.length - 1)]);
        }
        var params =
                new SamplingParams(
                        random.nextInt(3) == 0 ? 1 + random.nextInt(config.maxChoices()) : 1,
                        maxTokens,
                        random.nextInt(3) == 0 ? random.nextInt(maxTokens + 1) : 0,
                        List.copyOf(stop),
                        Set.copyOf(stopIds),
                        random.nextInt(3) != 0,
                        random.nextInt(4) == 0,
                        random.nextInt(3),
                        random.nextInt(2) - 1,
                        scores ? 0 : -1,
                        newSampler());
        boolean hurries = random.nextDouble() < config.timeouts();
        return new GenerationRequest(
                "r" + submitted++,
                prompt,
                params,
                random.nextInt(config.priorities()),
                config.keys() == 1 ? "" : "key" + random.nextInt(config.keys()),
                random.nextInt(6) == 0 ? "salt" : "",
                hurries && random.nextBoolean() ? Duration.ofNanos(newDelay()) : null,
                hurries ? Duration.ofNanos(newDelay()) : Duration.ofHours(100));
    }

    private SamplerParams newSampler() {
        boolean penalised = random.nextDouble() < config.penalties();
        return penalised
                ? new SamplerParams(0, 1, 0, 0, 1.1f, 0, 0, new int[0], new float[0])
                : SamplerParams.GREEDY;
    }

    private long newDelay() {
        return 1L << (10 + random.nextInt(22));
    }

    private String newStop() {
        var text = new StringBuilder();
        for (int i = 1 + random.nextInt(4); i > 0; i--) {
            int token = config.alphabet()[random.nextInt(config.alphabet().length)];
            text.append(token < 128 ? (char) token : random.nextBoolean() ? 'é' : '\uFFFD');
        }
        return text.toString();
    }

    /** Begins like an earlier prompt or answer, as often as not. */
    private int[] newPrompt() {
        if (twin != null && random.nextInt(4) != 0) {
            return twin;
        }
        int longest = Math.max(1, config.maxLength() - 1);
        int length = 1 + random.nextInt(random.nextInt(3) == 0 ? longest : Math.min(longest, 20));
        var prompt = new int[length];
        int shared = 0;
        if (!prefixes.isEmpty() && random.nextInt(4) != 0) {
            var parent = prefixes.get(random.nextInt(prefixes.size()));
            shared = Math.min(length, random.nextInt(parent.length + 1));
            System.arraycopy(parent, 0, prompt, 0, shared);
        }
        for (int i = shared; i < length; i++) {
            prompt[i] = config.promptAlphabet()[random.nextInt(config.promptAlphabet().length)];
        }
        return prompt;
    }

    private void remember(int[] prompt, List<Integer> answer) {
        var all = Arrays.copyOf(prompt, prompt.length + answer.size());
        for (int i = 0; i < answer.size(); i++) {
            all[prompt.length + i] = answer.get(i);
        }
        if (prefixes.size() < 30) {
            prefixes.add(all);
        } else {
            prefixes.set(random.nextInt(30), all);
        }
    }

    private Fault newFault(GenerationRequest request) {
        return random.nextDouble() < config.faults()
                ? Fault.values()[random.nextInt(Fault.values().length)]
                : Fault.NONE;
    }

    private GenerationRequest curse(GenerationRequest r, Fault fault) {
        twin = fault == Fault.NONE ? null : r.promptTokens().clone();
        if (fault == Fault.NO_HASH) {
            int last = r.promptTokens().length - 1;
            r.promptTokens()[last - random.nextInt(1 + last / 2)] = CURSED_PROMPT_TOKEN;
        }
        return fault != Fault.NO_SALT
                ? r
                : new GenerationRequest(
                        r.id(),
                        r.promptTokens(),
                        r.params(),
                        r.priority(),
                        CURSED_KEY,
                        r.cacheSalt(),
                        r.timeout(),
                        r.queueTimeout());
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
                } else if (isWaiting(request)) {
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
        checkLimits();
        checkRequests();
        checkOrder(waitingBefore);
        checkBlocks();
        forgetFreeBlocks();
    }

    private static boolean isWaiting(Request request) {
        return request.status() == RequestStatus.WAITING
                || request.status() == RequestStatus.PREEMPTED;
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

    private void checkRequests() {
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
                    check(client, request, running);
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

    private void check(SimulatedClient client, Request request, Set<Request> running) {
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
    void computing(Request request, int end) {
        if (config.hashBits() < 128) {
            return;
        }
        var known = computed.computeIfAbsent(scope(request), s -> new HashSet<>());
        client(request).addPrefixes(request, end, config.engine().blockSize(), known);
    }

    private static String scope(Request request) {
        var asked = request.group().request();
        return asked.key() + "/" + asked.cacheSalt();
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
                            || contains(request.promptTokens(), CURSED_PROMPT_TOKEN);
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
