package io.chasqui.grammar;

import java.util.ArrayDeque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

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

    private FreeText freeText;

    /** By groups of text, found when first asked for. */
    private final Map<Integer, TextHorizons> textHorizons = new ConcurrentHashMap<>();

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

    void freeText(FreeText text) {
        freeText = text;
    }

    /** What this is the rule of, if that is free text; else null. */
    FreeText freeText() {
        return freeText;
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

    /** Class of each byte; not to be changed. */
    int[] classOf() {
        return classOf;
    }

    /** Next states, a row of classes for each state; not to be changed. */
    int[] rows() {
        return next;
    }

    /** Per state; not to be changed. */
    boolean[] accepts() {
        return accepts;
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

    /** For the groups of text that may follow a state. Only for rules without calls. */
    TextHorizons textHorizons(int groups) {
        return textHorizons.computeIfAbsent(groups, g -> new TextHorizons(this, g));
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

    /** This rule and all that it calls, directly or not. */
    List<Rule> reachable() {
        var seen = new LinkedHashSet<Rule>(List.of(this));
        var pending = new ArrayDeque<Rule>(seen);
        while (!pending.isEmpty()) {
            for (var site : pending.poll().calls) {
                for (var call : site) {
                    if (seen.add(call.callee())) {
                        pending.add(call.callee());
                    }
                }
            }
        }
        return List.copyOf(seen);
    }

    /** Memory, about. */
    long bytes() {
        return 4L * next.length + 30L * accepts.length + 1200;
    }

    /** Sets the bits of the bytes that may follow a state, those that calls begin with not. */
    void addBytes(int state, long[] bytes) {
        for (int value = 0; value < 256; value++) {
            if (next(state, value) != NONE) {
                bytes[value >> 6] |= 1L << value;
            }
        }
    }

    /** How many bytes may follow a state, those that calls begin with not counted. */
    int branching(int state) {
        int count = 0;
        for (int value = 0; value < 256; value++) {
            count += next(state, value) == NONE ? 0 : 1;
        }
        return count;
    }

    @Override
    public String toString() {
        return name;
    }
}
