package io.chasqui.grammar;

import io.chasqui.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * A tokenizer's vocabulary, made ready for grammars; one per tokenizer. Control tokens match no
 * text, whatever their names. Safe for use by many threads.
 */
public final class GrammarVocabulary {
    /** Longer tokens are never allowed, so that a walk's path stays short. */
    private static final int MAX_TOKEN_BYTES = 1024;

    private static final long MAX_MASK_BYTES = 64L << 20;

    private final Tokenizer tokenizer;
    private final byte[][] bytes;
    private final TokenTrie trie;
    private final long[] endTokens;

    /** Masks of states, for as long as some grammar has the rule. */
    private final Map<Rule, AtomicReferenceArray<StateMask>> masks = new WeakHashMap<>();

    private long maskBytes;

    /**
     * @param endTokens tokens that end an answer; allowed where the grammar may end
     */
    public GrammarVocabulary(Tokenizer tokenizer, int... endTokens) {
        this.tokenizer = tokenizer;
        int size = tokenizer.vocabSize();
        this.bytes = new byte[size][];
        this.endTokens = new long[size + 63 >> 6];
        for (int token : endTokens) {
            this.endTokens[token >> 6] |= 1L << token;
        }
        var strings = new ArrayList<TokenTrie.Suffix>(size);
        for (int token = 0; token < size; token++) {
            if (tokenizer.isSpecial(token) || isEnd(token)) {
                continue;
            }
            byte[] text = tokenizer.bytes(token);
            if (text.length > 0 && text.length <= MAX_TOKEN_BYTES) {
                bytes[token] = text;
                strings.add(new TokenTrie.Suffix(text, 0, token));
            }
        }
        this.trie = TokenTrie.of(strings);
    }

    /** Number of token ids, those that match no text included. */
    public int size() {
        return bytes.length;
    }

    /** Length of a mask. */
    int words() {
        return endTokens.length;
    }

    Tokenizer tokenizer() {
        return tokenizer;
    }

    TokenTrie trie() {
        return trie;
    }

    /** Text of a token, not to be changed; null when it matches none. */
    byte[] bytes(int token) {
        return bytes[token];
    }

    boolean isEnd(int token) {
        return (endTokens[token >> 6] >>> token & 1) != 0;
    }

    void addEndTokens(long[] mask) {
        for (int i = 0; i < mask.length; i++) {
            mask[i] |= endTokens[i];
        }
    }

    /** What the state says about the tokens; computed once. */
    StateMask mask(Rule rule, int state, Configurations space) {
        var slots = slots(rule);
        var known = slots.get(state);
        if (known != null) {
            return known;
        }
        var made = StateMask.of(rule, state, this, space);
        slots.set(state, made);
        count(made.bytes());
        return made;
    }

    private synchronized AtomicReferenceArray<StateMask> slots(Rule rule) {
        return masks.computeIfAbsent(rule, r -> new AtomicReferenceArray<>(r.states()));
    }

    private synchronized void count(long more) {
        maskBytes += more;
        if (maskBytes > MAX_MASK_BYTES) {
            masks.clear();
            maskBytes = 0;
        }
    }
}
