package io.chasqui.engine;

import static java.lang.System.Logger.Level.ERROR;

import io.chasqui.config.EngineConfig;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.kvcache.BlockHasher;
import io.chasqui.tokenizer.Tokenizer;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * The way into the engine for all other threads: admission, submission, abort, drain. Everything
 * else happens on the {@link EngineLoop}'s thread, to which commands go through a queue.
 */
public final class LlmEngine implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(LlmEngine.class.getName());

    /** How long the loop sleeps at most while requests exist that cannot run. */
    private static final long BLOCKED_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

    private static final int SECRET_BYTES = 32;

    private enum Phase {
        OPEN,
        DRAINING,
        CLOSED,
        DEAD
    }

    private final EngineConfig config;
    private final ModelExecutor executor;
    private final Admission admission;
    private final EngineLoop loop;
    private final ConcurrentLinkedQueue<Runnable> commands = new ConcurrentLinkedQueue<>();
    private final Thread thread;
    private volatile Phase phase = Phase.OPEN;

    /** Whether the loop will write no more; guarded by this. */
    private boolean loopEnded;

    /**
     * @param config limits; the length of a sequence is lowered to what the KV pool holds
     * @param executor runs the model; closed with the engine
     * @param tokenizer turns tokens into text
     * @param endTokens the model's end tokens
     * @param listener looks on
     */
    public LlmEngine(
            EngineConfig config,
            ModelExecutor executor,
            Tokenizer tokenizer,
            Set<Integer> endTokens,
            EngineListener listener) {
        this.config = config.fittedToPool();
        this.executor = executor;
        this.admission = new Admission(this.config);
        var secret = new byte[SECRET_BYTES];
        new SecureRandom().nextBytes(secret);
        this.loop =
                new EngineLoop(
                        this.config,
                        executor,
                        tokenizer,
                        Set.copyOf(endTokens),
                        listener,
                        Clock.SYSTEM,
                        admission,
                        new BlockHasher(secret, config.blockSize(), 2 * Long.SIZE));
        this.thread = new Thread(this::runLoop, "engine-loop");
        thread.setDaemon(true);
    }

    /** Most rows of logits in a step: one a sequence, and those that score prompts. */
    public static int maxRows(int maxNumSeqs) {
        return maxNumSeqs + EngineLoop.MAX_SCORED_TOKENS;
    }

    /** Starts the loop. */
    public void start() {
        thread.start();
    }

    /** Most tokens of one sequence: the lesser of the configured length and what the pool holds. */
    public int maxModelLen() {
        return config.maxModelLen();
    }

    /**
     * Admits a request or refuses it at once. It is charged before this returns, so that no queue
     * ever holds more than its bound. Outputs of all {@code n} choices come through {@code
     * outputs}.
     *
     * @return a handle that aborts it
     * @throws AdmissionException when it is not taken
     */
    public Submission submit(GenerationRequest request, OutputBuffer outputs) {
        refuseUnlessOpen();
        refuseWhatCannotFit(request);
        var withTimeout =
                request.queueTimeout() != null
                                && request.queueTimeout().compareTo(config.queueTimeout()) < 0
                        ? request
                        : request.withQueueTimeout(config.queueTimeout());
        var group = loop.newGroup(withTimeout, outputs);
        admission.charge(request, loop.retryAfterSeconds());
        post(() -> loop.add(group));
        return new Submission() {
            @Override
            public void abort() {
                var error = new EngineError(EngineError.Kind.ABORTED, "the client left");
                post(() -> loop.abort(group, error));
            }

            @Override
            public void resume() {
                post(() -> {});
            }
        };
    }

    private void refuseUnlessOpen() {
        switch (phase) {
            case OPEN -> {}
            case DRAINING ->
                    throw new AdmissionException(
                            AdmissionException.Reason.DRAINING, "the server is stopping", 1);
            case CLOSED, DEAD ->
                    throw new AdmissionException(
                            AdmissionException.Reason.DEAD, "the engine has stopped", 0);
        }
    }

    private void refuseWhatCannotFit(GenerationRequest request) {
        long needed = (long) request.promptTokens().length + request.params().maxTokens();
        if (needed > config.maxModelLen()) {
            throw new AdmissionException(
                    AdmissionException.Reason.TOO_LONG,
                    "This model's maximum context length is "
                            + config.maxModelLen()
                            + " tokens, but the request asks for "
                            + needed
                            + ": "
                            + request.promptTokens().length
                            + " in the prompt and "
                            + request.params().maxTokens()
                            + " for the answer",
                    0);
        }
    }

    private void post(Runnable command) {
        commands.add(command);
        LockSupport.unpark(thread);
        if (phase == Phase.DEAD || phase == Phase.CLOSED) {
            // The loop may have ended before it saw the command: end what it stands for here.
            endLeftovers();
        }
    }

    private void runLoop() {
        try {
            while (phase.ordinal() < Phase.CLOSED.ordinal()) {
                runCommands();
                if (!loop.step()) {
                    await();
                }
            }
        } catch (Throwable failure) {
            LOG.log(
                    ERROR,
                    "the engine loop died while it ran " + loop.scheduler().running(),
                    failure);
            advance(Phase.DEAD);
        } finally {
            endLoop();
        }
    }

    private void runCommands() {
        for (var command = commands.poll(); command != null; command = commands.poll()) {
            command.run();
        }
    }

    private void await() {
        if (!commands.isEmpty() || phase == Phase.CLOSED) {
            return;
        }
        long nanos = loop.nanosToNextExpiry();
        if (loop.hasWork()) {
            nanos = Math.min(nanos, BLOCKED_NANOS);
        }
        if (nanos == Long.MAX_VALUE) {
            LockSupport.park(this);
        } else {
            LockSupport.parkNanos(this, nanos);
        }
    }

    /**
     * After the loop has ended nobody else writes; every request still gets its end. Before, the
     * loop's own last act will do it.
     */
    private synchronized void endLeftovers() {
        if (!loopEnded) {
            return;
        }
        try {
            runCommands();
        } finally {
            loop.abortAll(new EngineError(EngineError.Kind.ENGINE_DEAD, "the engine has stopped"));
        }
    }

    private synchronized void endLoop() {
        loopEnded = true;
        endLeftovers();
    }

    /** Refuses new requests from now on. */
    public void drain() {
        advance(Phase.DRAINING);
    }

    /** Phases only follow each other: an engine that is closed does not drain any more. */
    private synchronized void advance(Phase next) {
        if (next.ordinal() > phase.ordinal()) {
            phase = next;
        }
    }

    /** Ends everything that still runs with {@link EngineError.Kind#DRAINING}. */
    public void abortAll() {
        var error = new EngineError(EngineError.Kind.DRAINING, "the server is stopping");
        post(() -> loop.abortAll(error));
    }

    /** The engine's state after its last step. */
    public EngineStats stats() {
        return loop.monitor().stats();
    }

    /** Requests admitted and not started: those in the queue and those on their way to it. */
    public int queued() {
        return admission.requests();
    }

    /**
     * Whether the engine works: false once its loop has died, or has had work and no heartbeat for
     * the given time.
     */
    public boolean isAlive(Duration limit) {
        return phase != Phase.DEAD && loop.monitor().stalledNanos() < limit.toNanos();
    }

    /** Called between layers; shows the watchdog that a long step is not a hung one. */
    public void heartbeat() {
        loop.monitor().heartbeat();
    }

    @Override
    public void close() {
        advance(Phase.CLOSED);
        LockSupport.unpark(thread);
        joinLoop();
        endLoop();
        executor.close();
    }

    /** Interrupted or not: the executor's memory must outlive the last step. */
    private void joinLoop() {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** A request that was taken. */
    public interface Submission {
        /** Ends the request in whatever state it is; safe from any thread, any number of times. */
        void abort();

        /** Tells the engine that the reader has caught up; wakes a parked request. */
        void resume();
    }
}
