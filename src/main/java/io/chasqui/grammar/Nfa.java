package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.List;

/**
 * A rule under construction: states joined by bytes, by nothing, or by a whole other rule. Whoever
 * adds to it says from where to where, so that parts can share what follows them.
 */
final class Nfa {
    private static final int EPSILON = -1;
    private static final int CALL = -2;

    private final CompileBudget budget;
    private final IntList firstEdges = new IntList();
    private final IntList nextEdges = new IntList();
    private final IntList lows = new IntList();
    private final IntList highs = new IntList();
    private final IntList targets = new IntList();
    private final List<Rule> callees = new ArrayList<>();

    final int start;
    final int end;

    Nfa(CompileBudget budget) {
        this.budget = budget;
        this.start = state();
        this.end = state();
    }

    int state() {
        budget.addFragmentState();
        firstEdges.add(-1);
        return firstEdges.size() - 1;
    }

    int size() {
        return firstEdges.size();
    }

    /** One byte of {@code low..high} leads on. */
    void bytes(int from, int low, int high, int to) {
        edge(from, low, high, to);
    }

    void epsilon(int from, int to) {
        edge(from, EPSILON, 0, to);
    }

    /** A string of another rule leads on. */
    void call(int from, Rule rule, int to) {
        edge(from, CALL, callees.size(), to);
        callees.add(rule);
    }

    void literal(int from, byte[] text, int to) {
        if (text.length == 0) {
            epsilon(from, to);
            return;
        }
        int at = from;
        for (int i = 0; i < text.length; i++) {
            int next = i == text.length - 1 ? to : state();
            bytes(at, text[i] & 0xff, text[i] & 0xff, next);
            at = next;
        }
    }

    private void edge(int from, int low, int high, int to) {
        budget.work(1);
        nextEdges.add(firstEdges.get(from));
        firstEdges.set(from, lows.size());
        lows.add(low);
        highs.add(high);
        targets.add(to);
    }

    int firstEdge(int state) {
        return firstEdges.get(state);
    }

    int nextEdge(int edge) {
        return nextEdges.get(edge);
    }

    int edges() {
        return lows.size();
    }

    boolean isEpsilon(int edge) {
        return lows.get(edge) == EPSILON;
    }

    boolean isCall(int edge) {
        return lows.get(edge) == CALL;
    }

    Rule callee(int edge) {
        return callees.get(highs.get(edge));
    }

    int low(int edge) {
        return lows.get(edge);
    }

    int high(int edge) {
        return highs.get(edge);
    }

    int target(int edge) {
        return targets.get(edge);
    }

    CompileBudget budget() {
        return budget;
    }
}
