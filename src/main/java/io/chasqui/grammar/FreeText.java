package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;

/**
 * The rule of free text that openings end. Its states are those of the openings' automaton and one
 * more, after what follows an opening. Nearly all tokens may follow each of them, so what is found
 * out about a state is which tokens may not: only those can be meant within which an opening ends.
 */
final class FreeText {
    private static final int NOWHERE = -1;

    private final Openings automaton;
    private final Rule rule = new Rule("free text");

    /** Tokens within which an opening ends that begins in them. Found when first asked for. */
    private volatile int[] crossing;

    private FreeText(Openings automaton) {
        this.automaton = automaton;
    }

    /**
     * @param then makes the rule of what follows an opening
     */
    static Rule rule(
            List<GrammarSpec.Opening> openings,
            Function<GrammarSpec, Rule> then,
            CompileBudget budget) {
        var text = new FreeText(new Openings(openings));
        text.define(openings, then, budget);
        return text.rule;
    }

    private void define(
            List<GrammarSpec.Opening> openings,
            Function<GrammarSpec, Rule> then,
            CompileBudget budget) {
        int after = automaton.states();
        int[] classOf = classes();
        int classes = Arrays.stream(classOf).max().orElse(0) + 1;
        int[] next = new int[(after + 1) * classes];
        Arrays.fill(next, Rule.NONE);
        boolean[] accepts = new boolean[after + 1];
        accepts[after] = true;
        var calls = new ArrayList<List<Rule.Call>>(Collections.nCopies(after + 1, List.of()));
        for (int state = 0; state < after; state++) {
            budget.addState();
            int opening = automaton.opening(state);
            if (opening >= 0) {
                var callee = then.apply(openings.get(opening).then());
                calls.set(state, List.of(new Rule.Call(callee, after)));
                continue;
            }
            accepts[state] = true;
            for (int value = 0; value < 256; value++) {
                next[state * classes + classOf[value]] = next(state, value);
            }
            budget.work(256);
        }
        rule.define(classOf, next, accepts, calls);
        rule.freeText(this);
    }

    /** The marker is no text: it leads on only where an opening ends with it. */
    private int next(int state, int value) {
        int next = automaton.next(state, value);
        boolean text = value != GrammarVocabulary.MARKER_BYTE || automaton.opening(next) >= 0;
        return text ? next : Rule.NONE;
    }

    /** Bytes that occur in openings have a class each; all others are the same. */
    private int[] classes() {
        int[] classOf = new int[256];
        int count = 1;
        for (int value = 0; value < 256; value++) {
            if (value == GrammarVocabulary.MARKER_BYTE || automaton.uses(value)) {
                classOf[value] = count++;
            }
        }
        return classOf;
    }

    /** What a state says about the tokens. */
    StateMask mask(int state, GrammarVocabulary vocabulary, Configurations space) {
        var start = space.of(new Frame(rule, state, Configuration.OPEN));
        boolean isText = state < automaton.states() && automaton.opening(state) < 0;
        if (!isText) {
            return StateMask.walk(start, vocabulary, space);
        }
        var doubtful = doubtful(state, vocabulary);
        long[] allowed = vocabulary.textTokens();
        var rest = new IntList();
        int height = start.height();
        for (int i = 0; i < doubtful.size(); i++) {
            int token = doubtful.get(i);
            byte[] bytes = vocabulary.bytes(token);
            var ends = new IntList();
            var at = start;
            for (int read = 0; read < bytes.length; read++) {
                if (at.reachesBottom() && read > 0) {
                    ends.add(read);
                }
                at = space.step(at, bytes[read] & 0xff);
                height = Math.max(height, at.height());
            }
            if (at != Configuration.DEAD) {
                allowed[token >> 6] |= 1L << token;
                continue;
            }
            allowed[token >> 6] &= ~(1L << token);
            for (int e = 0; e < ends.size(); e++) {
                rest.add(token);
                rest.add(ends.get(e));
            }
        }
        var suffixes = vocabulary.suffixes(rest.toArray());
        return new StateMask(
                allowed, StateMask.NO_TOKENS, suffixes, true, height, 8L * allowed.length);
    }

    /** Tokens within which an opening ends. */
    private IntList doubtful(int state, GrammarVocabulary vocabulary) {
        var known = crossing;
        if (known == null) {
            var found = new IntList();
            addCrossing(Openings.ELSEWHERE, NOWHERE, vocabulary.trie(), found);
            known = found.toArray();
            crossing = known;
        }
        var doubtful = new IntList();
        addCrossing(state, Openings.ELSEWHERE, vocabulary.trie(), doubtful);
        for (int token : known) {
            doubtful.add(token);
        }
        return doubtful;
    }

    /**
     * Adds the tokens within which an opening ends after one state, less those where the other
     * state has led to the same by then.
     */
    private void addCrossing(int state, int other, TokenTrie trie, IntList tokens) {
        int[] path = new int[trie.deepest() + 1];
        int[] otherPath = new int[trie.deepest() + 1];
        path[0] = state;
        otherPath[0] = other;
        int node = 0;
        while (node < trie.size()) {
            int depth = trie.depth(node);
            int label = trie.label(node);
            int next = automaton.next(path[depth - 1], label);
            int otherNext =
                    other == NOWHERE ? NOWHERE : automaton.next(otherPath[depth - 1], label);
            boolean opened = automaton.opening(next) >= 0;
            if (opened && next != otherNext) {
                addAll(trie, node, tokens);
            }
            if (opened || next == otherNext) {
                node = trie.end(node);
                continue;
            }
            path[depth] = next;
            otherPath[depth] = otherNext;
            node++;
        }
    }

    private static void addAll(TokenTrie trie, int node, IntList tokens) {
        for (int i = trie.firstToken(node); i < trie.lastTokenBelow(node); i++) {
            tokens.add(trie.token(i));
        }
    }
}
