package io.chasqui.grammar;

import io.chasqui.tokenizer.Tokenizer;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
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
    private final List<TextTokens> texts;
    private final long[] endTokens;

    /** Masks of states, for as long as some grammar has the rule. */
    private final Map<Rule, AtomicReferenceArray<StateMask>> masks = new WeakHashMap<>();

    /** Ends of tokens that those masks leave open, by token and where in it they begin. */
    private final Map<IntBuffer, TokenTrie> suffixes = new ConcurrentHashMap<>();

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
        strings.sort(null);
        this.trie = TokenTrie.of(strings);
        this.texts =
                TextGroups.COMMON.stream()
                        .map(groups -> new TextTokens(groups, strings, words()))
                        .toList();
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

    /** Tokens of ordinary text, larger sets first. */
    List<TextTokens> texts() {
        return texts;
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

    /**
     * Ends of tokens as a tree; the same one each time.
     *
     * @param tokensAndFrom pairs of a token and the index of the byte that its end begins with
     */
    TokenTrie suffixes(int[] tokensAndFrom) {
        var key = IntBuffer.wrap(tokensAndFrom);
        var known = suffixes.get(key);
        if (known != null) {
            return known;
        }
        var strings = new ArrayList<TokenTrie.Suffix>(tokensAndFrom.length / 2);
        for (int i = 0; i < tokensAndFrom.length; i += 2) {
            int token = tokensAndFrom[i];
            strings.add(new TokenTrie.Suffix(bytes[token], tokensAndFrom[i + 1], token));
        }
        var made = TokenTrie.of(strings);
        var earlier = suffixes.putIfAbsent(key, made);
        if (earlier != null) {
            return earlier;
        }
        count(made.bytes() + 4L * tokensAndFrom.length);
        return made;
    }

    private synchronized AtomicReferenceArray<StateMask> slots(Rule rule) {
        return masks.computeIfAbsent(rule, r -> new AtomicReferenceArray<>(r.states()));
    }

    private synchronized void count(long more) {
        maskBytes += more;
        if (maskBytes > MAX_MASK_BYTES) {
            masks.clear();
            suffixes.clear();
            maskBytes = 0;
        }
    }
}
