package io.chasqui.grammar;

import java.time.Duration;

/**
 * What one grammar may cost.
 *
 * @param states states of all its rules together
 * @param cpuTime of the compiling thread
 * @param nesting of schemas, groups and parentheses in the source
 * @param stackDepth frames of the automaton's stack, which bounds how deep free JSON may nest
 * @param cacheBytes what the automaton may remember of the configurations it has been in
 */
public record GrammarLimits(
        int states, Duration cpuTime, int nesting, int stackDepth, long cacheBytes) {

    public static final GrammarLimits DEFAULT =
            new GrammarLimits(100_000, Duration.ofSeconds(1), 128, 60, 16L << 20);
}
