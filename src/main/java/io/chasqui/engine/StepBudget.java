package io.chasqui.engine;

/**
 * How many tokens a step may compute so that it lasts about as long as it should: on a CPU a fixed
 * chunk would make a large model look hung and make every stream stutter. Follows the measured
 * rate. Which tokens share a step never changes a result, so this may depend on time.
 */
final class StepBudget {
    /** Steps with fewer tokens are bound by reading weights and say nothing about the rate. */
    private static final int SMALLEST_SAMPLE = 32;

    /** Least room for prompts beside the running requests. */
    private static final int SMALLEST_CHUNK = 32;

    private final int limit;
    private final double targetNanos;
    private double tokensPerNano;

    StepBudget(int limit, long targetNanos) {
        this.limit = limit;
        this.targetNanos = targetNanos;
    }

    /** Tokens for the next step. */
    int tokens(int running) {
        int floor = running + SMALLEST_CHUNK;
        if (tokensPerNano == 0) {
            return Math.min(limit, floor + SMALLEST_CHUNK);
        }
        return Math.min(limit, Math.max(floor, (int) (tokensPerNano * targetNanos)));
    }

    /** Learns from a step. */
    void done(int tokens, long nanos) {
        if (tokens < SMALLEST_SAMPLE || nanos <= 0) {
            return;
        }
        double rate = (double) tokens / nanos;
        tokensPerNano = tokensPerNano == 0 ? rate : (tokensPerNano + rate) / 2;
    }

    /** Prompt tokens per second as measured, or 0. */
    double tokensPerSecond() {
        return tokensPerNano * 1e9;
    }
}
