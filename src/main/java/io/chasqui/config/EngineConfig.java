package io.chasqui.config;

import java.time.Duration;

/**
 * Limits of one model's engine.
 *
 * @param maxModelLen most tokens of one sequence, prompt and output; the engine lowers it to what
 *     the KV pool holds
 * @param maxNumSeqs most sequences running at once
 * @param maxNumBatchedTokens most tokens in one step
 * @param numBlocks KV blocks in the pool
 * @param blockSize token slots in a block
 * @param maxQueuedRequests most requests waiting
 * @param maxQueuedTokens most prompt tokens waiting
 * @param queueTimeout longest wait for a first step; then 429
 * @param prefixCaching whether full blocks are shared between requests with equal prefixes
 * @param jumpAhead whether tokens that a grammar forces are computed together, unsampled
 * @param maxPreemptions preemptions after which a request is not chosen as a victim again
 * @param stepTarget a step's token budget follows the measured rate so that it lasts about this
 *     long
 */
public record EngineConfig(
        int maxModelLen,
        int maxNumSeqs,
        int maxNumBatchedTokens,
        int numBlocks,
        int blockSize,
        int maxQueuedRequests,
        int maxQueuedTokens,
        Duration queueTimeout,
        boolean prefixCaching,
        boolean jumpAhead,
        int maxPreemptions,
        Duration stepTarget) {

    /** The same with a sequence no longer than what the KV pool holds. */
    public EngineConfig fittedToPool() {
        return new EngineConfig(
                (int) Math.min(maxModelLen, (long) numBlocks * blockSize),
                maxNumSeqs,
                maxNumBatchedTokens,
                numBlocks,
                blockSize,
                maxQueuedRequests,
                maxQueuedTokens,
                queueTimeout,
                prefixCaching,
                jumpAhead,
                maxPreemptions,
                stepTarget);
    }
}
