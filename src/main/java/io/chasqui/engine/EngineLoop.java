package io.chasqui.engine;

import static java.lang.System.Logger.Level.ERROR;

import io.chasqui.backend.DeviceLostError;
import io.chasqui.backend.SampledToken;
import io.chasqui.config.EngineConfig;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.kvcache.BlockHasher;
import io.chasqui.kvcache.KvCacheManager;
import io.chasqui.kvcache.KvSequence;
import io.chasqui.tokenizer.Tokenizer;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * The one writer of requests, scheduler and KV book-keeping. A step: schedule, execute, sample,
 * publish. Whatever is done for one request alone runs inside {@link #guarded}, so that no request
 * can stop the engine or touch another's output.
 */
final class EngineLoop implements StepPipeline.Outcomes {
    private static final System.Logger LOG = System.getLogger(EngineLoop.class.getName());

    /** Prompt tokens that a step scores at most; each takes a row of logits. */
    static final int MAX_SCORED_TOKENS = 32;

    /** A time limit that never comes; nanoseconds cannot count much further. */
    private static final Duration FOREVER = Duration.ofDays(365);

    private static final int[] NO_TOKENS = {};
    private static final float[] NO_LOGPROBS = {};

    private final EngineConfig config;
    private final Tokenizer tokenizer;
    private final Set<Integer> endTokens;
    private final Clock clock;
    private final Admission admission;
    private final BlockHasher hasher;
    private final KvCacheManager kvCache;
    private final Scheduler scheduler;
    private final StepPipeline pipeline;
    private final StepBudget budget;
    private final EngineMonitor monitor;

    /** All requests taken and not ended. */
    private final Set<RequestGroup> groups = new LinkedHashSet<>();

    private final TreeSet<Expiry> expiries = new TreeSet<>(Expiry.SOONEST);

    /** Buffers that got something in this step. */
    private final Set<OutputBuffer> touched = new LinkedHashSet<>();

    private long arrivals;

    /** Tokens of this step that were not sampled. */
    private int numForced;

    EngineLoop(
            EngineConfig config,
            ModelExecutor executor,
            Tokenizer tokenizer,
            Set<Integer> endTokens,
            EngineListener listener,
            Clock clock,
            Admission admission,
            BlockHasher hasher) {
        this.config = config;
        this.tokenizer = tokenizer;
        this.endTokens = endTokens;
        this.clock = clock;
        this.admission = admission;
        this.hasher = hasher;
        kvCache =
                new KvCacheManager(
                        config.numBlocks(), config.blockSize(), config.prefixCaching(), hasher);
        scheduler =
                new Scheduler(
                        kvCache, config.maxNumSeqs(), MAX_SCORED_TOKENS, config.maxPreemptions());
        var batches = new BatchBuilder(config.blockSize());
        pipeline = new StepPipeline(executor, batches, scheduler, kvCache, this);
        budget = new StepBudget(config.maxNumBatchedTokens(), config.stepTarget().toNanos());
        monitor = new EngineMonitor(listener, clock, scheduler, kvCache);
    }

    // ------------------------------------------------------------------ commands

    /**
     * Makes the choices of a request. Any thread may call it: what cannot be made fails the caller.
     */
    RequestGroup newGroup(GenerationRequest request, OutputBuffer outputs) {
        var group = new RequestGroup(request, outputs, clock.nanoTime());
        var params = request.params();
        var salt = hasher.salt(request.key(), request.cacheSalt());
        for (int choice = 0; choice < params.n(); choice++) {
            boolean scores = choice == 0 && params.numPromptLogprobs() >= 0;
            var sequence = new KvSequence(request.promptTokens(), salt, !scores);
            var output = new OutputProcessor(params, tokenizer, endTokens);
            if (scores) {
                output.beginPrompt(request.promptTokens()[0]);
            }
            group.choices().add(new Request(group, choice, sequence, output, config.maxModelLen()));
        }
        return group;
    }

    /** Takes an admitted request. */
    void add(RequestGroup group) {
        group.arrival(arrivals++);
        groups.add(group);
        var request = group.request();
        expire(group, request.queueTimeout(), EngineError.Kind.QUEUE_TIMEOUT);
        expire(group, request.timeout(), EngineError.Kind.DEADLINE);
        for (var choice : group.choices()) {
            guarded(choice, "admission", () -> scheduler.add(choice));
        }
        signalReaders();
    }

    private void expire(RequestGroup group, Duration after, EngineError.Kind reason) {
        if (after != null && after.compareTo(FOREVER) < 0) {
            var expiry = new Expiry(group.arrivalNanos() + after.toNanos(), group, reason);
            group.expiries().add(expiry);
            expiries.add(expiry);
        }
    }

    /** Ends what is left of a request, in whatever state. */
    void abort(RequestGroup group, EngineError error) {
        for (var request : group.choices()) {
            if (!request.status().isFinished()) {
                fail(request, error);
            }
        }
        signalReaders();
    }

    /** Ends everything. */
    void abortAll(EngineError error) {
        for (var group : List.copyOf(groups)) {
            abort(group, error);
        }
    }

    // ------------------------------------------------------------------ the step

    /** Whether there is something that a step could do. */
    boolean hasWork() {
        return pipeline.inFlight() != null || scheduler.hasWork();
    }

    /**
     * One step. Where the executor pipelines, it is planned and launched while the one before still
     * runs, whose tokens are then awaited.
     *
     * @return whether anything was computed; false when all that runs waits for its readers, or
     *     nothing runs
     */
    boolean step() {
        expireDeadlines();
        if (!hasWork()) {
            idle();
            return false;
        }
        monitor.working();
        long start = clock.nanoTime();
        numForced = 0;
        var last = pipeline.inFlight();
        int generated = pipeline.makeReady();
        var plan = scheduler.schedule(budget.tokens(scheduler.numRunning()));
        begin(plan, start);
        generated += pipeline.run(plan);
        long nanos = clock.nanoTime() - start;
        measure(plan, last, nanos);
        monitor.stepDone();
        signalReaders();
        monitor.report(plan, generated + numForced, nanos);
        return plan.numTokens() > 0 || last != null;
    }

    /** The time of a step is that of the pass awaited in it. */
    private void measure(SchedulerOutput plan, LaunchedStep last, long nanos) {
        if (last != null) {
            budget.done(last.numTokens(), nanos);
        } else if (pipeline.inFlight() == null) {
            budget.done(plan.numTokens(), nanos);
        }
    }

    private void begin(SchedulerOutput plan, long now) {
        for (var request : plan.admitted()) {
            if (request.numPreemptions() == 0) {
                admission.release(request);
            }
            if (request.group().scheduledNanos() < 0) {
                request.group().scheduled(now - request.group().arrivalNanos());
            }
        }
        plan.failed().forEach((request, cause) -> failInternal(request, "scheduling", cause));
    }

    @Override
    public void advance(LaunchedStep.Part part, SampledToken[] sampled) {
        guarded(part.request(), "output", () -> take(part, sampled));
    }

    @Override
    public long[] mask(Request request) {
        var mask = new long[1][];
        guarded(request, "grammar mask", () -> mask[0] = request.allowedTokens());
        return mask[0];
    }

    @Override
    public void poisoned(Request request) {
        fail(request, new EngineError(EngineError.Kind.POISON, "this request cannot be computed"));
    }

    /** Gives a request what a step has brought it; one that has ended meanwhile takes nothing. */
    private void take(LaunchedStep.Part part, SampledToken[] sampled) {
        var request = part.request();
        if (request.status().isFinished()) {
            return;
        }
        int sample = part.row() + part.numScored();
        for (int i = part.row(); i < (part.samples() ? sample + 1 : sample); i++) {
            if (!sampled[i].finite()) {
                fail(
                        request,
                        new EngineError(
                                EngineError.Kind.NUMERICAL,
                                "the model produced no finite numbers"));
                return;
            }
        }
        kvCache.confirm(request.sequence(), part.end());
        for (int i = part.row(); i < sample; i++) {
            request.output().scored(sampled[i]);
        }
        if (part.samples()) {
            append(request, sampled[sample]);
        } else if (part.caughtUp()) {
            request.output().endAtLength();
        }
        publish(request);
    }

    private void append(Request request, SampledToken token) {
        request.sequence().resolve(token.token());
        accept(request, token);
        if (config.jumpAhead()) {
            jumpAhead(request);
        }
    }

    /** Takes the tokens that can only follow unsampled; the next step computes them together. */
    private void jumpAhead(Request request) {
        for (int token = request.forcedToken(); token >= 0; token = request.forcedToken()) {
            request.sequence().append(token);
            accept(request, new SampledToken(token, 0, NO_TOKENS, NO_LOGPROBS, true));
            numForced++;
        }
    }

    private void accept(Request request, SampledToken token) {
        request.times().token(clock.nanoTime() - request.group().arrivalNanos());
        boolean full = request.sequence().numKnownTokens() >= config.maxModelLen();
        boolean complete = request.accept(token.token());
        request.output().append(token, request.numKnownOutputTokens(), full, complete);
    }

    private void publish(Request request) {
        var output = request.output().take(request.choice(), request.usage());
        if (output != null) {
            send(request, output);
        }
        var finish = request.output().finish();
        if (finish != null) {
            end(
                    request,
                    finish == FinishReason.STOP
                            ? RequestStatus.FINISHED_STOPPED
                            : RequestStatus.FINISHED_LENGTH_CAPPED,
                    finish,
                    null);
        }
    }

    private void send(Request request, RequestOutput output) {
        request.group().outputs().add(output);
        touched.add(request.group().outputs());
    }

    /** Hands the step's outputs over, once per reader. */
    private void signalReaders() {
        for (var outputs : touched) {
            try {
                outputs.signal();
            } catch (Throwable failure) {
                rethrowFatal(failure);
                LOG.log(ERROR, "an output reader failed when signalled", failure);
            }
        }
        touched.clear();
    }

    // ------------------------------------------------------------------ ends

    private void fail(Request request, EngineError error) {
        if (request.status().isFinished()) {
            return;
        }
        var end =
                error.kind() == EngineError.Kind.ABORTED
                        ? RequestStatus.FINISHED_ABORTED
                        : RequestStatus.FINISHED_ERROR;
        end(request, end, null, error);
        send(
                request,
                new RequestOutput(request.choice(), "", List.of(), null, null, null, error, null));
    }

    private void end(Request request, RequestStatus end, FinishReason finish, EngineError error) {
        if (request.status() == RequestStatus.WAITING) {
            admission.release(request);
        }
        scheduler.finish(request, end);
        var group = request.group();
        if (group.isFinished()) {
            groups.remove(group);
            expiries.removeAll(group.expiries());
        }
        monitor.ended(request, finish, error);
    }

    private void expireDeadlines() {
        long now = clock.nanoTime();
        while (!expiries.isEmpty() && expiries.first().nanos() - now <= 0) {
            var expiry = expiries.pollFirst();
            boolean queue = expiry.reason() == EngineError.Kind.QUEUE_TIMEOUT;
            if (queue && expiry.group().scheduledNanos() >= 0) {
                continue;
            }
            var message =
                    queue
                            ? "the request waited longer than the queue allows"
                            : "the request's deadline has passed";
            abort(expiry.group(), new EngineError(expiry.reason(), message));
        }
    }

    /** Nanoseconds until the next deadline, or {@link Long#MAX_VALUE}. */
    long nanosToNextExpiry() {
        return expiries.isEmpty()
                ? Long.MAX_VALUE
                : Math.max(0, expiries.first().nanos() - clock.nanoTime());
    }

    // ------------------------------------------------------------------ error boundary

    /**
     * Runs a step that concerns one request. If it throws, that request fails and nothing else
     * happens.
     */
    private void guarded(Request request, String step, Runnable body) {
        try {
            body.run();
        } catch (Throwable failure) {
            rethrowFatal(failure);
            failInternal(request, step, failure);
        }
    }

    private void failInternal(Request request, String step, Throwable failure) {
        LOG.log(
                ERROR,
                "request " + request + " failed in " + step + ": " + FailureTrace.of(failure));
        fail(request, new EngineError(EngineError.Kind.INTERNAL, "internal error"));
    }

    /** Errors of the machine are not one request's; running out of stack is. */
    static void rethrowFatal(Throwable failure) {
        if (failure instanceof DeviceLostError lost) {
            throw lost;
        }
        if (failure instanceof VirtualMachineError error
                && !(failure instanceof StackOverflowError)) {
            throw error;
        }
    }

    // ------------------------------------------------------------------ what others see

    private void idle() {
        if (monitor.idle() && groups.isEmpty()) {
            checkIntegrity();
        }
    }

    /**
     * Checks the KV book-keeping; a problem is logged, since nothing sensible can be done about it.
     */
    private void checkIntegrity() {
        try {
            kvCache.checkIntegrity(runningSequences());
        } catch (IllegalStateException e) {
            LOG.log(ERROR, "KV book-keeping does not add up", e);
        }
    }

    private List<KvSequence> runningSequences() {
        return scheduler.running().stream().map(Request::sequence).toList();
    }

    EngineMonitor monitor() {
        return monitor;
    }

    /** Seconds of waiting that the queue stands for, 1 to 60. */
    int retryAfterSeconds() {
        double rate = budget.tokensPerSecond();
        return rate <= 0 ? 1 : (int) Math.clamp(admission.tokens() / rate, 1, 60);
    }

    // ------------------------------------------------------------------ for tests

    Scheduler scheduler() {
        return scheduler;
    }

    KvCacheManager kvCache() {
        return kvCache;
    }

    /** Whether a step is under way whose tokens are not known. */
    boolean isInFlight() {
        return pipeline.inFlight() != null;
    }

    int numGroups() {
        return groups.size();
    }

    int numExpiries() {
        return expiries.size();
    }
}
