package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A regular set of byte strings, with the operations of sets. */
final class Language {
    private final Rule automaton;
    private final CompileBudget budget;

    private Language(Rule automaton, CompileBudget budget) {
        this.automaton = automaton;
        this.budget = budget;
    }

    static Language of(Expression regex, TextEncoding encoding, CompileBudget budget) {
        var nfa = new Nfa(budget);
        regex.addTo(nfa, encoding, nfa.start, nfa.end);
        return of(nfa);
    }

    static Language of(List<byte[]> strings, CompileBudget budget) {
        var nfa = new Nfa(budget);
        for (var string : strings) {
            nfa.literal(nfa.start, string, nfa.end);
        }
        return of(nfa);
    }

    /** Of an automaton that calls no rules. */
    static Language of(Nfa nfa) {
        var rule = new Rule("a string");
        Determinizer.define(rule, nfa);
        return new Language(rule, nfa.budget());
    }

    boolean contains(byte[] string) {
        int state = Rule.START;
        for (int i = 0; i < string.length && state != Rule.NONE; i++) {
            state = automaton.next(state, string[i] & 0xff);
        }
        return state != Rule.NONE && automaton.accepts(state);
    }

    boolean isEmpty() {
        var seen = new boolean[automaton.states()];
        var pending = new IntList();
        pending.add(Rule.START);
        seen[Rule.START] = true;
        while (!pending.isEmpty()) {
            int state = pending.removeLast();
            if (automaton.accepts(state)) {
                return false;
            }
            for (int c = 0; c < automaton.classes(); c++) {
                int to = automaton.nextByClass(state, c);
                if (to != Rule.NONE && !seen[to]) {
                    seen[to] = true;
                    pending.add(to);
                }
            }
            budget.work(automaton.classes());
        }
        return true;
    }

    Language and(Language other) {
        return new Product(other, true).build();
    }

    Language without(Language other) {
        return new Product(other, false).build();
    }

    /** Lets any of the strings lead from one state to the other. */
    void addTo(Nfa nfa, int from, int to) {
        int[] states = new int[automaton.states()];
        for (int s = 0; s < states.length; s++) {
            states[s] = nfa.state();
        }
        nfa.epsilon(from, states[Rule.START]);
        for (int s = 0; s < states.length; s++) {
            addBytes(nfa, s, states);
            if (automaton.accepts(s)) {
                nfa.epsilon(states[s], to);
            }
        }
    }

    private void addBytes(Nfa nfa, int state, int[] states) {
        int low = 0;
        for (int value = 1; value <= 256; value++) {
            int to = automaton.next(state, low);
            if (value == 256 || automaton.next(state, value) != to) {
                if (to != Rule.NONE) {
                    nfa.bytes(states[state], low, value - 1, states[to]);
                }
                low = value;
            }
        }
        budget.work(256);
    }

    /** The set as a rule. */
    Rule rule() {
        return automaton;
    }

    /** The strings between quotation marks, which they must not hold unescaped. */
    Rule quoted(String name) {
        int content = automaton.states();
        int end = content + 1;
        int quote = automaton.classes();
        int classes = quote + 1;
        int[] next = new int[(content + 2) * classes];
        Arrays.fill(next, Rule.NONE);
        next[quote] = 1;
        boolean[] accepts = new boolean[content + 2];
        accepts[end] = true;
        int[] classOf = new int[256];
        for (int value = 0; value < 256; value++) {
            classOf[value] = value == '"' ? quote : automaton.classOf(value);
        }
        for (int state = 0; state < content; state++) {
            int row = (state + 1) * classes;
            for (int c = 0; c < quote; c++) {
                int to = automaton.nextByClass(state, c);
                next[row + c] = to == Rule.NONE ? Rule.NONE : to + 1;
            }
            int escaped = automaton.next(state, '"');
            next[row + quote] =
                    escaped != Rule.NONE ? escaped + 1 : automaton.accepts(state) ? end : Rule.NONE;
        }
        var rule = new Rule(name);
        rule.define(classOf, next, accepts, List.of());
        return rule;
    }

    /** Both automata at once; the second may be past all its strings. */
    private final class Product {
        private final Rule a = automaton;
        private final Rule b;
        private final boolean both;
        private final Map<Long, Integer> ids = new HashMap<>();
        private final List<Long> pairs = new ArrayList<>();

        Product(Language other, boolean both) {
            this.b = other.automaton;
            this.both = both;
        }

        Language build() {
            int[] classOf = new int[256];
            var classes = new HashMap<Integer, Integer>();
            var examples = new IntList();
            for (int value = 0; value < 256; value++) {
                int key = a.classOf(value) << 8 | b.classOf(value);
                var known = classes.get(key);
                if (known == null) {
                    known = classes.size();
                    classes.put(key, known);
                    examples.add(value);
                }
                classOf[value] = known;
            }
            idOf(Rule.START, Rule.START);
            var next = new IntList();
            for (int id = 0; id < pairs.size(); id++) {
                int first = (int) (pairs.get(id) >>> 32);
                int second = (int) (long) pairs.get(id);
                for (int c = 0; c < examples.size(); c++) {
                    next.add(after(first, second, examples.get(c)));
                }
                budget.work(examples.size());
            }
            var result = new Rule(a.name());
            result.define(classOf, next.toArray(), accepts(), List.of());
            return new Language(result, budget);
        }

        private int after(int first, int second, int value) {
            int nextFirst = a.next(first, value);
            int nextSecond = second == Rule.NONE ? Rule.NONE : b.next(second, value);
            if (nextFirst == Rule.NONE || both && nextSecond == Rule.NONE) {
                return Rule.NONE;
            }
            return idOf(nextFirst, nextSecond);
        }

        private int idOf(int first, int second) {
            long pair = (long) first << 32 | second & 0xffffffffL;
            var known = ids.get(pair);
            if (known != null) {
                return known;
            }
            budget.addState();
            ids.put(pair, pairs.size());
            pairs.add(pair);
            return pairs.size() - 1;
        }

        private boolean[] accepts() {
            boolean[] accepts = new boolean[pairs.size()];
            for (int id = 0; id < accepts.length; id++) {
                int first = (int) (pairs.get(id) >>> 32);
                int second = (int) (long) pairs.get(id);
                boolean inSecond = second != Rule.NONE && b.accepts(second);
                accepts[id] = a.accepts(first) && inSecond == both;
            }
            return accepts;
        }
    }
}
