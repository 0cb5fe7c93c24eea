package io.chasqui.grammar;

import java.util.ArrayDeque;
import java.util.LinkedHashSet;
import java.util.List;

/**
 * One rule of a grammar as a deterministic automaton: a state leads on by a byte, or by a string of
 * another rule (a {@link Call}). The rules that call each other are the pushdown automaton.
 *
 * <p>A rule exists before it is {@link #define defined}, so that rules can be recursive. Once
 * {@link RuleLinker linked} it does not change.
 */
final class Rule {
    /** Any string of {@code callee}, then on from {@code returnTo}. */
    record Call(Rule callee, int returnTo) {}

    static final int NONE = -1;
    static final int START = 0;

    private static final List<Call> NO_CALLS = List.of();

    private final String name;
    private int[] classOf;
    private int classes;
    private int[] next;
    private boolean[] accepts;
    private List<List<Call>> calls;

    /** Per state, the frames that finishing takes beyond its own. Known once linked. */
    private int[] height;

    /** Per state, whether the rule may end here, perhaps after calls that take no byte. */
    private boolean[] ends;

    private boolean[] leaves;

    /** Found when first asked for. */
    private TextHorizons textHorizons;

    /**
     * @param name for error messages
     */
    Rule(String name) {
        this.name = name;
    }

    /** The rule of the empty string. */
    static Rule empty(String name) {
        var rule = new Rule(name);
        rule.define(new int[256], new int[] {NONE}, new boolean[] {true}, List.of());
        rule.link(new int[1], new boolean[] {true}, new boolean[] {true}, List.of());
        return rule;
    }

    /**
     * @param classOf class of each byte
     * @param next state per {@code state * classes + class}, or {@link #NONE}
     * @param accepts per state, whether the rule may end
     * @param calls per state
     */
    void define(int[] classOf, int[] next, boolean[] accepts, List<List<Call>> calls) {
        this.classOf = classOf;
        this.classes = accepts.length == 0 ? 1 : next.length / accepts.length;
        this.next = next;
        this.accepts = accepts;
        this.calls = calls;
    }

    boolean isDefined() {
        return next != null;
    }

    boolean isLinked() {
        return height != null;
    }

    /**
     * Keeps only what can be finished.
     *
     * @param finishable per state, whether any path leads to an end
     */
    void link(int[] height, boolean[] ends, boolean[] finishable, List<List<Call>> liveCalls) {
        this.calls = liveCalls;
        for (int i = 0; i < next.length; i++) {
            if (next[i] != NONE && !finishable[next[i]]) {
                next[i] = NONE;
            }
        }
        this.leaves = new boolean[accepts.length];
        for (int state = 0; state < accepts.length; state++) {
            leaves[state] = calls(state).isEmpty() && !hasBytes(state);
        }
        this.height = height;
        this.ends = ends;
    }

    private boolean hasBytes(int state) {
        for (int c = 0; c < classes; c++) {
            if (next[state * classes + c] != NONE) {
                return true;
            }
        }
        return false;
    }

    String name() {
        return name;
    }

    int states() {
        return accepts.length;
    }

    int classes() {
        return classes;
    }

    int classOf(int value) {
        return classOf[value];
    }

    int next(int state, int value) {
        return next[state * classes + classOf[value]];
    }

    int nextByClass(int state, int byteClass) {
        return next[state * classes + byteClass];
    }

    boolean accepts(int state) {
        return accepts[state];
    }

    boolean ends(int state) {
        return ends[state];
    }

    /** Whether nothing but the rule's end follows. */
    boolean isLeaf(int state) {
        return leaves[state];
    }

    /** Only for rules without calls. */
    TextHorizons textHorizons() {
        var known = textHorizons;
        if (known == null) {
            known = new TextHorizons(this);
            textHorizons = known;
        }
        return known;
    }

    int height(int state) {
        return height[state];
    }

    List<Call> calls(int state) {
        return calls.isEmpty() ? NO_CALLS : calls.get(state);
    }

    boolean hasCalls() {
        return !calls.isEmpty();
    }

    /** Memory of this rule and of those it calls, about. */
    long reachableBytes() {
        var seen = new LinkedHashSet<Rule>(List.of(this));
        var pending = new ArrayDeque<Rule>(seen);
        long bytes = 0;
        while (!pending.isEmpty()) {
            var rule = pending.poll();
            bytes += 4L * rule.next.length + 15L * rule.accepts.length + 1200;
            for (var site : rule.calls) {
                for (var call : site) {
                    bytes += 24;
                    if (seen.add(call.callee())) {
                        pending.add(call.callee());
                    }
                }
            }
        }
        return bytes;
    }

    @Override
    public String toString() {
        return name;
    }
}
