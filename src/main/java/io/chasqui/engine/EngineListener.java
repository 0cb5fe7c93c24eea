package io.chasqui.engine;

/**
 * Looks on while the engine works; metrics are made from it. Calls come from the engine thread and
 * must be quick. A call that throws is counted and otherwise ignored.
 */
public interface EngineListener {
    /** Does nothing. */
    EngineListener NONE = new EngineListener() {};

    /** A step is done. */
    default void onStep(StepStats stats) {}

    /** One choice has ended, whether well, by error or by abort. */
    default void onFinished(RequestStats stats) {}

    /**
     * One step.
     *
     * @param running sequences running after it
     * @param waiting requests waiting after it
     * @param scheduledTokens tokens it computed
     * @param generatedTokens tokens it sampled, and those that grammars forced
     * @param usedBlocks KV blocks in use
     * @param numBlocks KV blocks in all
     * @param preemptions requests preempted by it
     * @param prefixQueries prompt tokens looked up in the prefix cache
     * @param prefixHits those found
     * @param nanos its duration
     */
    record StepStats(
            int running,
            int waiting,
            int scheduledTokens,
            int generatedTokens,
            int usedBlocks,
            int numBlocks,
            int preemptions,
            int prefixQueries,
            int prefixHits,
            long nanos) {}

    /**
     * One choice, at its end. Times are nanoseconds from arrival; -1 when it did not get so far.
     *
     * @param request what was asked
     * @param choice which choice
     * @param finish how it ended well, or null
     * @param error how it failed, or null
     * @param usage its token counts
     * @param scheduledNanos first step
     * @param firstTokenNanos first token
     * @param finishedNanos end
     * @param interTokenNanos gaps between tokens, {@code [tokens - 1]}
     */
    record RequestStats(
            GenerationRequest request,
            int choice,
            FinishReason finish,
            EngineError error,
            RequestOutput.Usage usage,
            long scheduledNanos,
            long firstTokenNanos,
            long finishedNanos,
            long[] interTokenNanos) {}
}
