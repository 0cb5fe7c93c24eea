package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The pushdown automaton as a textbook has it: a set of plain stacks, each a list, every byte tried
 * on each. No sharing, no merging, no memory.
 */
final class SlowMatcher {
    /** A state, and what is under it; null under the last. */
    private record Item(Rule rule, int state, Item below) {
        int depth() {
            int depth = 0;
            for (var item = this; item != null; item = item.below) {
                depth++;
            }
            return depth;
        }
    }

    private final int maxDepth;
    private final Set<Item> stacks;

    private SlowMatcher(int maxDepth, Set<Item> stacks) {
        this.maxDepth = maxDepth;
        this.stacks = stacks;
    }

    static SlowMatcher start(Rule root, int maxDepth) {
        return new SlowMatcher(maxDepth, Set.of(new Item(root, Rule.START, null)));
    }

    boolean isAlive() {
        return !stacks.isEmpty();
    }

    boolean isComplete() {
        return stacks.stream().anyMatch(this::canEnd);
    }

    private boolean canEnd(Item item) {
        return item == null || endsSilently(item.rule, item.state) && canEnd(item.below);
    }

    private static boolean endsSilently(Rule rule, int state) {
        return rule.accepts(state)
                || rule.calls(state).stream()
                        .anyMatch(
                                c ->
                                        endsSilently(c.callee(), Rule.START)
                                                && endsSilently(rule, c.returnTo()));
    }

    SlowMatcher after(byte[] text) {
        var current = this;
        for (byte b : text) {
            if (current.isAlive()) {
                current = current.after(b & 0xff);
            }
        }
        return current;
    }

    private SlowMatcher after(int value) {
        var next = new HashSet<Item>();
        for (var item : stacks) {
            read(item, value, next);
        }
        return new SlowMatcher(maxDepth, next);
    }

    private void read(Item item, int value, Set<Item> next) {
        if (item == null) {
            return;
        }
        int to = item.rule.next(item.state, value);
        if (to != Rule.NONE) {
            arrive(new Item(item.rule, to, item.below), next);
        }
        for (var call : item.rule.calls(item.state)) {
            boolean last = item.rule.isLeaf(call.returnTo());
            var back = new Item(item.rule, call.returnTo(), item.below);
            if (last) {
                read(new Item(call.callee(), Rule.START, item.below), value, next);
            } else if (fits(back)) {
                read(new Item(call.callee(), Rule.START, back), value, next);
            }
        }
        if (item.rule.accepts(item.state)) {
            read(item.below, value, next);
        }
    }

    private boolean fits(Item item) {
        return item.depth() + item.rule.height(item.state) <= maxDepth;
    }

    private void arrive(Item item, Set<Item> next) {
        if (fits(item)) {
            next.add(item);
        }
    }

    /** All tokens that may come next, each tried by itself. */
    List<Integer> allowed(GrammarVocabulary vocabulary) {
        var tokens = new ArrayList<Integer>();
        boolean complete = isComplete();
        for (int token = 0; token < vocabulary.size(); token++) {
            byte[] text = vocabulary.bytes(token);
            boolean fits =
                    text == null ? vocabulary.isEnd(token) && complete : after(text).isAlive();
            if (fits) {
                tokens.add(token);
            }
        }
        return tokens;
    }
}
