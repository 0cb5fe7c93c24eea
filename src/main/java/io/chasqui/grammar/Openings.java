package io.chasqui.grammar;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Finds the first of several texts in a text that arrives byte by byte: an Aho-Corasick automaton.
 * It makes the grammar of free text, and tells whoever reads such text where that ended, so both
 * always agree. Immutable.
 */
public final class Openings {
    /** The state before the first byte. */
    public static final int START = 0;

    /** The state in which nothing read so far matters any more. */
    static final int ELSEWHERE = 1;

    private static final int NONE = -1;

    /** A node of the trie of all openings; the root is {@link #ELSEWHERE}. */
    private record Node(Map<Integer, Integer> children, int depth) {}

    private final List<Node> nodes = new ArrayList<>();
    private int[] openings = new int[16];
    private int[][] next;

    /**
     * @param openings texts, of which none is the beginning of another
     */
    public Openings(List<GrammarSpec.Opening> openings) {
        Arrays.fill(this.openings, NONE);
        addNode(0);
        addNode(0);
        for (int i = 0; i < openings.size(); i++) {
            add(openings.get(i), i);
        }
        connect();
    }

    private int addNode(int depth) {
        nodes.add(new Node(new HashMap<>(), depth));
        if (nodes.size() > openings.length) {
            int old = openings.length;
            openings = Arrays.copyOf(openings, old * 2);
            Arrays.fill(openings, old, old * 2, NONE);
        }
        return nodes.size() - 1;
    }

    private void add(GrammarSpec.Opening opening, int index) {
        int at = opening.first() ? START : ELSEWHERE;
        for (byte value : GrammarVocabulary.utf8(opening.text())) {
            var node = nodes.get(at);
            int depth = node.depth() + 1;
            at = node.children().computeIfAbsent(value & 0xff, v -> addNode(depth));
        }
        openings[at] = index;
    }

    /** Breadth first, so that the state to fall back to is complete. */
    private void connect() {
        next = new int[nodes.size()][];
        int[] fallback = new int[nodes.size()];
        var pending = new ArrayDeque<Integer>();
        next[ELSEWHERE] = row(ELSEWHERE, ELSEWHERE, fallback, pending);
        fallback[START] = ELSEWHERE;
        pending.add(START);
        while (!pending.isEmpty()) {
            int state = pending.poll();
            if (openings[state] == NONE) {
                openings[state] = openings[fallback[state]];
            }
            next[state] = row(state, fallback[state], fallback, pending);
        }
    }

    private int[] row(int state, int fallbackState, int[] fallback, ArrayDeque<Integer> pending) {
        int[] row = new int[256];
        if (state == ELSEWHERE) {
            Arrays.fill(row, ELSEWHERE);
        } else {
            System.arraycopy(next[fallbackState], 0, row, 0, row.length);
        }
        nodes.get(state)
                .children()
                .forEach(
                        (value, child) -> {
                            fallback[child] = row[value];
                            row[value] = child;
                            pending.add(child);
                        });
        return row;
    }

    /** The state after one more byte, 0–255. Nothing follows a state that ends an opening. */
    public int next(int state, int value) {
        return next[state][value];
    }

    /** Index of the opening that ends in this state, or -1. */
    public int opening(int state) {
        return openings[state];
    }

    /** How many of the last bytes may be the beginning of an opening. */
    public int held(int state) {
        return nodes.get(state).depth();
    }

    /** Whether any opening has this byte. */
    boolean uses(int value) {
        return nodes.stream().anyMatch(node -> node.children().containsKey(value));
    }

    int states() {
        return next.length;
    }
}
