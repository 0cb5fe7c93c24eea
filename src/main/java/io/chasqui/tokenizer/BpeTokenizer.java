package io.chasqui.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Byte-level BPE: text is split into pieces, and the UTF-8 bytes of a piece are merged into tokens.
 * Lone surrogates count as U+FFFD. Encoding takes O(n log n) time whatever the text.
 */
public final class BpeTokenizer implements Tokenizer {
    private final Vocabulary vocabulary;
    private final SpecialTokens specials;
    private final MergeTable merges;
    private final PreTokenizer preTokenizer;
    private final int bosToken;

    /**
     * Tokens that a piece of just their bytes is known to give. All of them when the vocabulary
     * ignores merges; otherwise learnt while encoding. Racing threads write the same values.
     */
    private final boolean[] wholePieces;

    /**
     * @param ignoreMerges whether a piece that is a token is that token, even if merging gives
     *     others
     * @param bosToken token that a plain prompt starts with, or -1
     */
    BpeTokenizer(
            Vocabulary vocabulary,
            SpecialTokens specials,
            MergeTable merges,
            PreTokenizer preTokenizer,
            boolean ignoreMerges,
            int bosToken) {
        this.vocabulary = vocabulary;
        this.specials = specials;
        this.merges = merges;
        this.preTokenizer = preTokenizer;
        this.bosToken = bosToken;
        this.wholePieces = new boolean[vocabulary.size()];
        Arrays.fill(wholePieces, ignoreMerges);
    }

    @Override
    public int[] encode(String text) {
        var utf8 = utf8(text);
        var out = new TokenBuffer(utf8.length / 3);
        encode(utf8, 0, utf8.length, new PieceMerger(vocabulary, merges), out);
        return out.toArray();
    }

    @Override
    public int[] encodeWithSpecials(String text) {
        var utf8 = utf8(text);
        var out = new TokenBuffer(utf8.length / 3);
        var merger = new PieceMerger(vocabulary, merges);
        int from = 0;
        int at = 0;
        while (at < utf8.length) {
            int token = specials.match(utf8, at, utf8.length);
            if (token < 0) {
                at++;
                continue;
            }
            encode(utf8, from, at, merger, out);
            out.add(token);
            at += vocabulary.bytes(token).length;
            from = at;
        }
        encode(utf8, from, utf8.length, merger, out);
        return out.toArray();
    }

    private void encode(byte[] utf8, int from, int end, PieceMerger merger, TokenBuffer out) {
        int at = from;
        while (at < end) {
            int pieceEnd = preTokenizer.next(utf8, at, end);
            encodePiece(utf8, at, pieceEnd, merger, out);
            at = pieceEnd;
        }
    }

    private void encodePiece(byte[] utf8, int from, int to, PieceMerger merger, TokenBuffer out) {
        int whole = vocabulary.find(utf8, from, to);
        if (whole >= 0 && wholePieces[whole]) {
            out.add(whole);
            return;
        }
        int before = out.size();
        merger.merge(utf8, from, to, out);
        if (whole >= 0 && out.size() == before + 1 && out.get(before) == whole) {
            wholePieces[whole] = true;
        }
    }

    private static byte[] utf8(String text) {
        return withoutLoneSurrogates(text).getBytes(StandardCharsets.UTF_8);
    }

    private static String withoutLoneSurrogates(String text) {
        StringBuilder fixed = null;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!Character.isSurrogate(c)) {
                continue;
            }
            if (Character.isHighSurrogate(c)
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
                continue;
            }
            if (fixed == null) {
                fixed = new StringBuilder(text);
            }
            fixed.setCharAt(i, '\uFFFD');
        }
        return fixed == null ? text : fixed.toString();
    }

    @Override
    public byte[] bytes(int token) {
        return vocabulary.bytes(token).clone();
    }

    @Override
    public boolean isSpecial(int token) {
        return vocabulary.isControl(token);
    }

    @Override
    public int specialToken(String name) {
        return specials.id(name);
    }

    @Override
    public int vocabSize() {
        return vocabulary.size();
    }

    @Override
    public int bosToken() {
        return bosToken;
    }

    @Override
    public String decode(int[] tokens) {
        var bytes = new ByteArrayOutputStream(tokens.length * 4);
        for (int token : tokens) {
            bytes.writeBytes(vocabulary.bytes(token));
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
