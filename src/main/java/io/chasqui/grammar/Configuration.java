package io.chasqui.grammar;

import java.util.Arrays;

/**
 * All stacks that the automaton may be in after some text: the top states, no state twice, each
 * with the stacks below it. Stacks are shared and {@link Configurations interned}, so that equal
 * ones are the same object, and what has been found out about one holds wherever it recurs.
 */
final class Configuration {
    /** The text is complete and nothing may follow. */
    static final Configuration END = new Configuration(Frame.END);

    /** Stands for the stacks below a frame that is looked at alone. */
    static final Configuration OPEN = new Configuration(Frame.OPEN);

    /** No stack at all: the text cannot become one that matches. */
    static final Configuration DEAD = new Configuration();

    private final Frame[] frames;
    private final int depth;
    private final int height;
    private final boolean reachesBottom;
    private final int hash;

    // Filled by whoever comes first; racing threads write equal values.
    private Configuration[] next;
    private long[] mask;
    private ForcedSpan forced;

    /**
     * @param frames no state twice
     */
    Configuration(Frame... frames) {
        this.frames = frames;
        int deepest = 0;
        int highest = 0;
        boolean bottom = false;
        int sum = 0;
        for (var frame : frames) {
            deepest = Math.max(deepest, frame.depth());
            highest = Math.max(highest, frame.height());
            if (!frame.isBottom()) {
                highest = Math.max(highest, frame.below().height);
            }
            bottom |= frame.reachesBottom();
            sum += frame.hashCode() * 0x9E3779B9;
        }
        this.depth = deepest;
        this.height = highest;
        this.reachesBottom = bottom;
        this.hash = sum;
    }

    Frame[] frames() {
        return frames;
    }

    /** Frames of the longest stack. */
    int depth() {
        return depth;
    }

    /** Frames of the longest stack by the time all is finished the flattest way. */
    int height() {
        return height;
    }

    /** Whether all frames of some stack may end here. */
    boolean reachesBottom() {
        return reachesBottom;
    }

    Configuration knownNext(int value) {
        var table = next;
        return table == null ? null : table[value];
    }

    /** Returns whether this took memory. */
    boolean learnNext(int value, Configuration after) {
        var table = next;
        boolean first = table == null;
        if (first) {
            table = new Configuration[256];
            next = table;
        }
        table[value] = after;
        return first;
    }

    long[] knownMask() {
        return mask;
    }

    void learnMask(long[] allowed) {
        mask = allowed;
    }

    ForcedSpan knownForced() {
        return forced;
    }

    void learnForced(ForcedSpan span) {
        forced = span;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        return other instanceof Configuration c
                && hash == c.hash
                && frames.length == c.frames.length
                && Arrays.stream(frames).allMatch(c::has);
    }

    private boolean has(Frame frame) {
        for (var mine : frames) {
            if (mine.equals(frame)) {
                return true;
            }
        }
        return false;
    }

    @Override
    public int hashCode() {
        return hash;
    }
}
