package io.chasqui.engine;

/**
 * The engine's state as last published, for health checks, metrics and tests.
 *
 * @param running sequences running
 * @param waiting requests waiting, preempted ones included
 * @param usedBlocks KV blocks held by requests
 * @param cachedBlocks free KV blocks that still hold a reusable prefix
 * @param numBlocks KV blocks in all
 * @param steps steps done
 */
public record EngineStats(
        int running, int waiting, int usedBlocks, int cachedBlocks, int numBlocks, long steps) {}
