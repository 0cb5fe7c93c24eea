package io.chasqui.grammar;

import io.chasqui.tokenizer.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
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
    /** Stands for the marker token in the texts of a {@link GrammarSpec}; no text has it. */
    public static final char MARKER = '\uDFFF';

    /** The marker as a byte, which is none of UTF-8. */
    static final int MARKER_BYTE = 0xFF;

    /** Longer tokens are never allowed, so that a walk's path stays short. */
    private static final int MAX_TOKEN_BYTES = 1024;

    private static final byte[] NOTHING = {};
    private static final long MAX_MASK_BYTES = 64L << 20;

    private final Tokenizer tokenizer;
    private final int marker;
    private final byte[][] bytes;
    private final TokenTrie trie;
    private final List<TextTokens> texts;
    private final long[] endTokens;
    private final long[] textTokens;

    /** Masks of states, for as long as some grammar has the rule. */
    private final Map<Rule, AtomicReferenceArray<StateMask>> masks = new WeakHashMap<>();

    /** Ends of tokens that those masks leave open, by token and where in it they begin. */
    private final Map<IntBuffer, TokenTrie> suffixes = new ConcurrentHashMap<>();

    private long maskBytes;

    /**
     * @param endTokens tokens that end an answer; allowed where the grammar may end
     */
    public GrammarVocabulary(Tokenizer tokenizer, int... endTokens) {
        this(tokenizer, -1, endTokens);
    }

    /**
     * @param marker a control token that means something within answers; -1 for none
     * @param endTokens tokens that end an answer; allowed where the grammar may end
     */
    public GrammarVocabulary(Tokenizer tokenizer, int marker, int[] endTokens) {
        this.tokenizer = tokenizer;
        this.marker = marker;
        int size = tokenizer.vocabSize();
        this.bytes = new byte[size][];
        this.endTokens = new long[size + 63 >> 6];
        this.textTokens = new long[this.endTokens.length];
        for (int token : endTokens) {
            this.endTokens[token >> 6] |= 1L << token;
        }
        var strings = new ArrayList<TokenTrie.Suffix>(size);
        for (int token = 0; token < size; token++) {
            byte[] text = text(token);
            if (text.length > 0 && text.length <= MAX_TOKEN_BYTES) {
                bytes[token] = text;
                if (token != marker) {
                    textTokens[token >> 6] |= 1L << token;
                }
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

    /**
     * Bytes that a token matches; none for control tokens and for those that would look like the
     * marker.
     */
    private byte[] text(int token) {
        if (token == marker) {
            return new byte[] {(byte) MARKER_BYTE};
        }
        if (tokenizer.isSpecial(token) || isEnd(token)) {
            return NOTHING;
        }
        byte[] text = tokenizer.bytes(token);
        for (byte value : text) {
            if (value == (byte) MARKER_BYTE) {
                return NOTHING;
            }
        }
        return text;
    }

    /** Bytes of a text of a specification. */
    static byte[] utf8(String text) {
        if (text.indexOf(MARKER) < 0) {
            return text.getBytes(StandardCharsets.UTF_8);
        }
        var out = new ByteArrayOutputStream(text.length());
        int from = 0;
        for (int at = text.indexOf(MARKER); at >= 0; at = text.indexOf(MARKER, from)) {
            out.writeBytes(text.substring(from, at).getBytes(StandardCharsets.UTF_8));
            out.write(MARKER_BYTE);
            from = at + 1;
        }
        out.writeBytes(text.substring(from).getBytes(StandardCharsets.UTF_8));
        return out.toByteArray();
    }

    /** Tokens of bytes that are whole characters, as the tokenizer divides them. */
    int[] encode(byte[] text) {
        int at = 0;
        while (at < text.length && text[at] != (byte) MARKER_BYTE) {
            at++;
        }
        int[] head = tokenizer.encode(new String(text, 0, at, StandardCharsets.UTF_8));
        if (at == text.length) {
            return head;
        }
        int[] tail = encode(Arrays.copyOfRange(text, at + 1, text.length));
        int[] all = Arrays.copyOf(head, head.length + 1 + tail.length);
        all[head.length] = marker;
        System.arraycopy(tail, 0, all, head.length + 1, tail.length);
        return all;
    }

    /** Bit set of the tokens that are text, to be changed at will. */
    long[] textTokens() {
        return textTokens.clone();
    }

    boolean isMarker(int token) {
        return token == marker;
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
