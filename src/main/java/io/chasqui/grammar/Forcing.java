package io.chasqui.grammar;

import java.util.Arrays;

/** Finds text that must follow, and the tokens that a tokenizer would give it. */
final class Forcing {
    private static final int MAX_BYTES = 512;

    private final GrammarVocabulary vocabulary;
    private final Configurations space;

    Forcing(GrammarVocabulary vocabulary, Configurations space) {
        this.vocabulary = vocabulary;
        this.space = space;
    }

    /** Bytes that must follow; as many as are certain, up to a limit. */
    byte[] bytes(Configuration at) {
        byte[] forced = new byte[MAX_BYTES];
        int length = 0;
        var current = at;
        while (length < MAX_BYTES) {
            int value = current.reachesBottom() ? -1 : space.onlyByte(current);
            if (value < 0) {
                break;
            }
            forced[length++] = (byte) value;
            current = space.step(current, value);
        }
        return Arrays.copyOf(forced, length);
    }

    ForcedSpan span(Configuration at) {
        byte[] bytes = wholeCharacters(bytes(at));
        if (bytes.length == 0) {
            return ForcedSpan.NONE;
        }
        int[] tokens = vocabulary.encode(bytes);
        var after = space.step(at, bytes);
        int kept = 0;
        int offset = 0;
        while (kept < tokens.length
                && (after == Configuration.END || !mayGrow(bytes, offset, after))) {
            offset += vocabulary.bytes(tokens[kept]).length;
            kept++;
        }
        if (kept == 0) {
            return new ForcedSpan(new int[0], bytes.length, tokens[0]);
        }
        return new ForcedSpan(Arrays.copyOf(tokens, kept), 0, -1);
    }

    /** None when they begin within a character, else less an unfinished character at their end. */
    private static byte[] wholeCharacters(byte[] bytes) {
        int end = bytes.length;
        if (end == 0 || (bytes[0] & 0xC0) == 0x80) {
            return new byte[0];
        }
        int lead = end - 1;
        while (lead > 0 && (bytes[lead] & 0xC0) == 0x80) {
            lead--;
        }
        int first = bytes[lead] & 0xff;
        boolean alone = first < 0x80 || first == GrammarVocabulary.MARKER_BYTE;
        int length = alone ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
        return Arrays.copyOf(bytes, lead + length > end ? lead : end);
    }

    /** Whether some token begins with these bytes and goes on in a way that the grammar allows. */
    private boolean mayGrow(byte[] bytes, int from, Configuration after) {
        var trie = vocabulary.trie();
        int node = -1;
        for (int i = from; i < bytes.length; i++) {
            node = trie.child(node, bytes[i] & 0xff);
            if (node < 0) {
                return false;
            }
        }
        return hasToken(trie, node, after);
    }

    private boolean hasToken(TokenTrie trie, int node, Configuration after) {
        var path = new Configuration[trie.deepest() + 1];
        path[trie.depth(node)] = after;
        int at = node + 1;
        while (at < trie.end(node)) {
            int depth = trie.depth(at);
            var next = space.step(path[depth - 1], trie.label(at));
            if (next == Configuration.DEAD) {
                at = trie.end(at);
                continue;
            }
            if (trie.firstToken(at) < trie.lastTokenAt(at)) {
                return true;
            }
            path[depth] = next;
            at++;
        }
        return false;
    }
}
