package io.chasqui.grammar;

/**
 * What a state of a rule says about the tokens without its stack: which may follow for certain, and
 * which depend on the stack after some of their bytes.
 *
 * @param allowed bit set of tokens that may follow whatever the stack, perhaps shared; or null
 * @param more further such tokens
 * @param suffixes rest of each token, not allowed already, by which the rule may end within it;
 *     null when these are so many that it is quicker to look at all tokens than to list them
 * @param ends whether the rule may end at once, so that all tokens depend on the stack
 * @param height frames that this needs above those of the stack; where there are not as many left,
 *     none of this holds
 * @param bytes memory that is its own, about
 */
record StateMask(
        long[] allowed, int[] more, TokenTrie suffixes, boolean ends, int height, long bytes) {

    static final int[] NO_TOKENS = {};

    static StateMask of(Rule rule, int state, GrammarVocabulary vocabulary, Configurations space) {
        if (rule.freeText() != null) {
            return rule.freeText().mask(state, vocabulary, space);
        }
        return new Builder(vocabulary, space).build(rule, state);
    }

    /** Of a state whose rule calls others: all branches of the vocabulary are gone through. */
    static StateMask walk(Configuration start, GrammarVocabulary vocabulary, Configurations space) {
        return new Builder(vocabulary, space).walk(start);
    }

    void addAllowed(long[] mask) {
        if (allowed != null) {
            union(mask, allowed);
        }
        for (int token : more) {
            mask[token >> 6] |= 1L << token;
        }
    }

    private static void union(long[] mask, long[] other) {
        for (int i = 0; i < mask.length; i++) {
            mask[i] |= other[i];
        }
    }

    private static final class Builder {
        private static final int MAX_SUFFIXES = 10_000;

        private final GrammarVocabulary vocabulary;
        private final Configurations space;
        private final long[] allowed;
        private final IntList openNodes = new IntList();
        private TokenTrie trie;
        private int height = 1;

        Builder(GrammarVocabulary vocabulary, Configurations space) {
            this.vocabulary = vocabulary;
            this.trie = vocabulary.trie();
            this.space = space;
            this.allowed = new long[vocabulary.words()];
        }

        StateMask build(Rule rule, int state) {
            if (rule.hasCalls()) {
                return walk(space.of(new Frame(rule, state, Configuration.OPEN)));
            }
            int following = TextGroups.after(rule, state);
            for (var text : vocabulary.texts()) {
                if ((text.groups() & ~following) == 0 && decides(rule, state, text.groups())) {
                    return build(rule, state, text);
                }
            }
            trie.allow(rule, state, following, allowed, openNodes);
            return finish(null, rule.ends(state));
        }

        StateMask walk(Configuration start) {
            height = start.height();
            new TrieWalk(trie, space).walk(start, this::reached);
            return finish(null, start.reachesBottom());
        }

        /** Whether such text may follow if it is not too long, and that is all there is to it. */
        private static boolean decides(Rule rule, int state, int groups) {
            var horizons = rule.textHorizons(groups);
            return horizons.isExact(state) || horizons.all()[state] >= TextTokens.MAX_CHARACTERS;
        }

        private StateMask build(Rule rule, int state, TextTokens text) {
            trie = text.others();
            trie.allow(rule, state, text.groups(), allowed, openNodes);
            int horizon = rule.textHorizons(text.groups()).all()[state];
            return finish(text.mask(horizon), rule.ends(state));
        }

        private void reached(int node, Configuration configuration) {
            height = Math.max(height, configuration.height());
            trie.addTokensAt(node, allowed);
            if (configuration.reachesBottom() && trie.end(node) > node + 1) {
                openNodes.add(node);
            }
        }

        /**
         * @param shared tokens that may follow as well; or null
         */
        private StateMask finish(long[] shared, boolean ends) {
            int count = without(shared);
            boolean few = count < allowed.length * 2;
            int[] more = few ? list(count) : NO_TOKENS;
            if (shared != null) {
                union(allowed, shared);
            }
            long bytes = 80 + (few ? 4L * count : 8L * allowed.length);
            return new StateMask(few ? shared : allowed, more, suffixes(), ends, height, bytes);
        }

        /** Takes some tokens out, and counts the others. */
        private int without(long[] shared) {
            int count = 0;
            for (int word = 0; word < allowed.length; word++) {
                allowed[word] &= shared == null ? -1 : ~shared[word];
                count += Long.bitCount(allowed[word]);
            }
            return count;
        }

        private int[] list(int count) {
            int[] tokens = new int[count];
            int size = 0;
            for (int word = 0; word < allowed.length; word++) {
                for (long bits = allowed[word]; bits != 0; bits &= bits - 1) {
                    tokens[size++] = word * 64 + Long.numberOfTrailingZeros(bits);
                }
            }
            return tokens;
        }

        /** Many states have the same ones. */
        private TokenTrie suffixes() {
            var rest = new IntList();
            for (int i = 0; i < openNodes.size(); i++) {
                if (rest.size() > 2 * MAX_SUFFIXES) {
                    return null;
                }
                int node = openNodes.get(i);
                for (int t = trie.lastTokenAt(node); t < trie.lastTokenBelow(node); t++) {
                    int token = trie.token(t);
                    if ((allowed[token >> 6] >>> token & 1) == 0) {
                        rest.add(token);
                        rest.add(trie.depth(node));
                    }
                }
            }
            return vocabulary.suffixes(rest.toArray());
        }
    }
}
