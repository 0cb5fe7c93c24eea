package io.chasqui.grammar;

/**
 * A state of a rule, and the stacks it returns to. Two frames are not states of a grammar but mark
 * where a stack ends.
 *
 * @param below what follows when the rule ends; null at the end of a stack
 */
record Frame(Rule rule, int state, Configuration below) {
    private static Frame bottom(String name) {
        return new Frame(Rule.empty(name), Rule.START, null);
    }

    /** Below the last frame of a text: nothing may follow. */
    static final Frame END = bottom("end");

    /** Below a frame that is looked at without its stack: anything may follow. */
    static final Frame OPEN = bottom("open");

    boolean isBottom() {
        return below == null;
    }

    /** Frames from here to the bottom. */
    int depth() {
        return isBottom() ? 0 : below.depth() + 1;
    }

    /** Frames of the stack when this one's rule is finished the flattest way. */
    int height() {
        return depth() + rule.height(state);
    }

    boolean reachesBottom() {
        return isBottom() || rule.ends(state) && below.reachesBottom();
    }

    boolean sameState(Frame other) {
        return rule == other.rule && state == other.state;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Frame f && sameState(f) && below == f.below;
    }

    @Override
    public int hashCode() {
        return (System.identityHashCode(rule) * 31 + state) * 31 + System.identityHashCode(below);
    }
}
