package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The subset construction; a call is a symbol like a byte. */
final class Determinizer {
    private record Subset(int[] states) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Subset s && Arrays.equals(states, s.states);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(states);
        }
    }

    private final Nfa nfa;
    private final CompileBudget budget;
    private final int[] classOf = new int[256];
    private final int classes;
    private final Map<Subset, Integer> ids = new HashMap<>();
    private final List<Subset> subsets = new ArrayList<>();
    private final IntList next = new IntList();
    private final List<List<Rule.Call>> calls = new ArrayList<>();
    private boolean anyCalls;

    private final int[] seen;
    private int round;
    private final IntList pending = new IntList();

    private Determinizer(Nfa nfa) {
        this.nfa = nfa;
        this.budget = nfa.budget();
        this.classes = divideBytes();
        this.seen = new int[nfa.size()];
    }

    /** Defines {@code rule} as the strings that lead from the start of {@code nfa} to its end. */
    static void define(Rule rule, Nfa nfa) {
        new Determinizer(nfa).define(rule);
    }

    private int divideBytes() {
        var borders = new BitSet(257);
        for (int edge = 0; edge < nfa.edges(); edge++) {
            if (!nfa.isEpsilon(edge) && !nfa.isCall(edge)) {
                borders.set(nfa.low(edge));
                borders.set(nfa.high(edge) + 1);
            }
        }
        int current = 0;
        for (int value = 1; value < 256; value++) {
            if (borders.get(value)) {
                current++;
            }
            classOf[value] = current;
        }
        return current + 1;
    }

    private void define(Rule rule) {
        idOf(new int[] {nfa.start});
        var targets = new IntList[classes];
        Arrays.setAll(targets, c -> new IntList());
        for (int id = 0; id < subsets.size(); id++) {
            expand(subsets.get(id), targets);
        }
        boolean[] accepts = new boolean[subsets.size()];
        for (int id = 0; id < accepts.length; id++) {
            accepts[id] = Arrays.binarySearch(subsets.get(id).states(), nfa.end) >= 0;
        }
        rule.define(classOf, next.toArray(), accepts, anyCalls ? calls : List.of());
    }

    private void expand(Subset subset, IntList[] targets) {
        var callTargets = new LinkedHashMap<Rule, IntList>();
        for (int state : subset.states()) {
            for (int edge = nfa.firstEdge(state); edge >= 0; edge = nfa.nextEdge(edge)) {
                if (nfa.isCall(edge)) {
                    callTargets
                            .computeIfAbsent(nfa.callee(edge), r -> new IntList())
                            .add(nfa.target(edge));
                } else if (!nfa.isEpsilon(edge)) {
                    int high = classOf[nfa.high(edge)];
                    for (int c = classOf[nfa.low(edge)]; c <= high; c++) {
                        targets[c].add(nfa.target(edge));
                    }
                    budget.work(high);
                }
            }
        }
        for (var list : targets) {
            next.add(list.isEmpty() ? Rule.NONE : idOf(list.toArray()));
            list.clear();
        }
        budget.work(classes);
        var made = new ArrayList<Rule.Call>(callTargets.size());
        callTargets.forEach((callee, to) -> made.add(new Rule.Call(callee, idOf(to.toArray()))));
        anyCalls |= !made.isEmpty();
        calls.add(made.isEmpty() ? List.of() : List.copyOf(made));
    }

    private int idOf(int[] targets) {
        var subset = new Subset(closure(targets));
        var known = ids.get(subset);
        if (known != null) {
            return known;
        }
        budget.addState();
        ids.put(subset, subsets.size());
        subsets.add(subset);
        return subsets.size() - 1;
    }

    /** All that is reached without a byte, less states from which only that is possible. */
    private int[] closure(int[] states) {
        round++;
        var closed = new IntList();
        for (int state : states) {
            push(state);
        }
        while (!pending.isEmpty()) {
            int state = pending.removeLast();
            boolean matters = state == nfa.end;
            for (int edge = nfa.firstEdge(state); edge >= 0; edge = nfa.nextEdge(edge)) {
                if (nfa.isEpsilon(edge)) {
                    push(nfa.target(edge));
                } else {
                    matters = true;
                }
                budget.work(1);
            }
            if (matters) {
                closed.add(state);
            }
        }
        int[] sorted = closed.toArray();
        Arrays.sort(sorted);
        return sorted;
    }

    private void push(int state) {
        if (seen[state] != round) {
            seen[state] = round;
            pending.add(state);
        }
    }
}
