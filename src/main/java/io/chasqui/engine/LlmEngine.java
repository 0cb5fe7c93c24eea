package io.chasqui.engine;

import io.chasqui.config.EngineConfig;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.tokenizer.Tokenizer;
import java.util.Set;

/**
 * The way into the engine for all other threads: admission, submission, abort, drain. Everything
 * else happens on the {@link EngineLoop}'s thread.
 */
public final class LlmEngine implements AutoCloseable {

    /**
     * @param endTokens the model's end tokens
     */
    public LlmEngine(
            EngineConfig config,
            ModelExecutor executor,
            Tokenizer tokenizer,
            Set<Integer> endTokens,
            EngineListener listener) {
        throw new UnsupportedOperationException();
    }

    /** Starts the loop. */
    public void start() {}

    /** Most tokens of one sequence: the lesser of the configured length and what the pool holds. */
    public int maxModelLen() {
        return 0;
    }

    /**
     * Admits a request or refuses it at once. Accounting is done before this returns, so that a
     * queue never holds more than its bound. Outputs of all {@code n} choices come through {@code
     * outputs}.
     *
     * @return a handle that aborts it
     * @throws AdmissionException when it is not taken
     */
    public Submission submit(GenerationRequest request, OutputBuffer outputs) {
        throw new UnsupportedOperationException();
    }

    /** A request that was taken. */
    public interface Submission {
        /** Ends the request in whatever state it is; safe from any thread, any number of times. */
        void abort();

        /** Tells the engine that the reader caught up; wakes a parked request. */
        void resume();
    }

    /** Refuses new requests from now on. */
    public void drain() {}

    /** Ends everything that still runs with {@link EngineError.Kind#DRAINING}. */
    public void abortAll() {}

    public EngineStats stats() {
        return null;
    }

    /**
     * Whether the loop makes progress: false once it has had work and no heartbeat for the given
     * time.
     */
    public boolean isAlive(java.time.Duration limit) {
        return true;
    }

    /** Called between layers; shows the watchdog that a long step is not a hung one. */
    public void heartbeat() {}

    @Override
    public void close() {}
}
