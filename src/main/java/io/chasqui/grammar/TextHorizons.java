package io.chasqui.grammar;

import java.util.Arrays;
import java.util.HashSet;

/**
 * How many characters of some groups may follow a state of a rule, whichever they are, and whether
 * never more. So whole branches of a vocabulary are known to be allowed, or not to be, without a
 * look at them.
 */
final class TextHorizons {
    private static final int UNBOUNDED = Integer.MAX_VALUE;

    private final Rule rule;
    private final int groups;
    private final int[] horizons;
    private final boolean[] exact;

    /** Examples of the classes of bytes at each position within a character. */
    private final int[][] examples = new int[Utf8.POSITIONS][];

    /** Per state, the states from which one character leads there. */
    private final IntList[] sources;

    /** Marks pairs of state and position as seen from the current state. */
    private final int[] seen;

    /**
     * @param rule without calls
     * @param groups a set of {@link TextGroups}
     */
    TextHorizons(Rule rule, int groups) {
        this.groups = groups;
        this.rule = rule;
        this.horizons = new int[rule.states()];
        this.exact = new boolean[rule.states()];
        this.sources = new IntList[rule.states()];
        this.seen = new int[rule.states() * Utf8.POSITIONS];
        Arrays.fill(horizons, UNBOUNDED);
        Arrays.fill(exact, true);
        for (int position = 0; position < Utf8.POSITIONS; position++) {
            examples[position] = examples(position);
        }
        findExact(spread());
    }

    /** Per state, characters of the groups that may follow. Not to be changed. */
    int[] all() {
        return horizons;
    }

    /**
     * Whether text of the groups that is longer than the horizon of a state may not follow it, nor
     * any part of it end the rule.
     */
    boolean isExact(int state) {
        return exact[state];
    }

    private int[] examples(int position) {
        var seenClasses = new HashSet<Integer>();
        var result = new IntList();
        for (int value = 0; value < 256; value++) {
            int next = Utf8.position(position, value);
            boolean text = (TextGroups.of(value) & groups) != 0;
            if (text
                    && next != Utf8.INVALID
                    && seenClasses.add(rule.classOf(value) * Utf8.POSITIONS + next)) {
                result.add(value);
            }
        }
        return result.toArray();
    }

    /**
     * Distances, backwards, from the states after which some character may not follow.
     *
     * @return the states that have one, ascending
     */
    private IntList spread() {
        var found = new IntList();
        for (int state = 0; state < horizons.length; state++) {
            if (!readCharacters(state)) {
                horizons[state] = 0;
                found.add(state);
            }
        }
        for (int i = 0; i < found.size(); i++) {
            int state = found.get(i);
            for (int j = 0; sources[state] != null && j < sources[state].size(); j++) {
                int source = sources[state].get(j);
                if (horizons[source] == UNBOUNDED) {
                    horizons[source] = horizons[state] + 1;
                    found.add(source);
                }
            }
        }
        return found;
    }

    private void findExact(IntList found) {
        for (int state = 0; state < horizons.length; state++) {
            for (int j = 0; sources[state] != null && j < sources[state].size(); j++) {
                int source = sources[state].get(j);
                exact[source] &= horizons[source] == horizons[state] + 1L && !rule.accepts(state);
            }
        }
        for (int i = 0; i < found.size(); i++) {
            int state = found.get(i);
            for (int j = 0; sources[state] != null && j < sources[state].size(); j++) {
                exact[sources[state].get(j)] &= exact[state];
            }
        }
    }

    /** Returns whether every character may follow; notes where they lead. */
    private boolean readCharacters(int state) {
        boolean all = true;
        var pending = new IntList();
        pending.add(state * Utf8.POSITIONS);
        while (!pending.isEmpty()) {
            int pair = pending.removeLast();
            int position = pair % Utf8.POSITIONS;
            for (int value : examples[position]) {
                int to = rule.next(pair / Utf8.POSITIONS, value);
                if (to == Rule.NONE) {
                    all = false;
                    continue;
                }
                int next = Utf8.position(position, value);
                if (seen[to * Utf8.POSITIONS + next] == state + 1) {
                    continue;
                }
                seen[to * Utf8.POSITIONS + next] = state + 1;
                if (next == Utf8.BOUNDARY) {
                    sources[to] = sources[to] == null ? new IntList() : sources[to];
                    sources[to].add(state);
                } else {
                    exact[state] &= !rule.accepts(to);
                    pending.add(to * Utf8.POSITIONS + next);
                }
            }
        }
        return all;
    }
}
