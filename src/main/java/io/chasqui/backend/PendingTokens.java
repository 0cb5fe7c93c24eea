package io.chasqui.backend;

/** Tokens being sampled. */
@FunctionalInterface
public interface PendingTokens {

    /** Nothing sampled. */
    PendingTokens NONE = () -> new SampledToken[0];

    /**
     * Waits for them.
     *
     * @return one token per logits row of the pass, in order
     */
    SampledToken[] await();
}
