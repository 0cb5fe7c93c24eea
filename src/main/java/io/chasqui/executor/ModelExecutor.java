package io.chasqui.executor;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.PendingTokens;

/**
 * The engine's only view of a model: run a batch, then sample. Tests put a hash function or a
 * script in its place.
 */
public interface ModelExecutor extends AutoCloseable {

    /**
     * Starts the forward pass. KV entries of the batch's tokens are written when the handle is
     * done; running the same batch again writes the same bits.
     */
    StepHandle execute(ForwardBatch batch);

    /**
     * Whether the next batch may be executed before the tokens of the last one are awaited. It then
     * names them by their rows, see {@link ForwardBatch}; at most two batches are under way.
     */
    default boolean pipelined() {
        return false;
    }

    /** A forward pass under way. */
    @FunctionalInterface
    interface StepHandle {
        /**
         * Begins to sample.
         *
         * @param masks per logits row a bit set of allowed ids or null; the array may be null.
         *     Handed over now, not at {@code execute}, so that they are computed while the pass
         *     runs.
         */
        PendingTokens sample(long[][] masks);
    }

    @Override
    void close();
}
