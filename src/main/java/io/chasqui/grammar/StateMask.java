package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.Arrays;

/**
 * What a state of a rule says about the tokens without its stack: which may follow for certain, and
 * which depend on the stack after some of their bytes.
 *
 * @param allowed bit set of tokens that may follow whatever the stack; or null
 * @param allowedList the same as a list, when that is shorter; or null
 * @param suffixes rest of each token, not allowed already, by which the rule may end within it
 * @param ends whether the rule may end at once, so that all tokens depend on the stack
 * @param height frames that this needs above those of the stack; where there are not as many left,
 *     none of this holds
 */
record StateMask(long[] allowed, int[] allowedList, TokenTrie suffixes, boolean ends, int height) {

    static StateMask of(Rule rule, int state, GrammarVocabulary vocabulary, Configurations space) {
        return new Builder(vocabulary, space).build(rule, state);
    }

    void addAllowed(long[] mask) {
        if (allowed != null) {
            for (int i = 0; i < mask.length; i++) {
                mask[i] |= allowed[i];
            }
            return;
        }
        for (int token : allowedList) {
            mask[token >> 6] |= 1L << token;
        }
    }

    long bytes() {
        return 80
                + (allowed == null ? 4L * allowedList.length : 8L * allowed.length)
                + suffixes.bytes();
    }

    private static final class Builder {
        private final TokenTrie trie;
        private final GrammarVocabulary vocabulary;
        private final Configurations space;
        private final long[] allowed;
        private final IntList openNodes = new IntList();
        private int height;

        Builder(GrammarVocabulary vocabulary, Configurations space) {
            this.vocabulary = vocabulary;
            this.trie = vocabulary.trie();
            this.space = space;
            this.allowed = new long[vocabulary.words()];
        }

        StateMask build(Rule rule, int state) {
            boolean ends = rule.ends(state);
            if (rule.hasCalls()) {
                var start = space.of(new Frame(rule, state, Configuration.OPEN));
                height = start.height();
                ends = start.reachesBottom();
                new TrieWalk(trie, space).walk(start, this::reached);
            } else {
                height = 1;
                trie.allow(rule, state, allowed, openNodes);
            }
            int count = Arrays.stream(allowed).mapToInt(Long::bitCount).sum();
            boolean sparse = count < allowed.length * 2;
            return new StateMask(
                    sparse ? null : allowed, sparse ? list(count) : null, suffixes(), ends, height);
        }

        private void reached(int node, Configuration configuration) {
            height = Math.max(height, configuration.height());
            trie.addTokensAt(node, allowed);
            if (configuration.reachesBottom() && trie.end(node) > node + 1) {
                openNodes.add(node);
            }
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

        private TokenTrie suffixes() {
            var rest = new ArrayList<TokenTrie.Suffix>();
            for (int i = 0; i < openNodes.size(); i++) {
                int node = openNodes.get(i);
                for (int t = trie.lastTokenAt(node); t < trie.lastTokenBelow(node); t++) {
                    int token = trie.token(t);
                    if ((allowed[token >> 6] >>> token & 1) == 0) {
                        rest.add(
                                new TokenTrie.Suffix(
                                        vocabulary.bytes(token), trie.depth(node), token));
                    }
                }
            }
            return TokenTrie.of(rest);
        }
    }
}
