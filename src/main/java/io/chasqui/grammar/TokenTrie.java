package io.chasqui.grammar;

import java.util.Arrays;
import java.util.List;

/**
 * Byte strings of tokens as a tree, laid out in depth-first order: the children of a node follow
 * it, and {@link #end} skips them. A string may belong to several tokens.
 */
final class TokenTrie {
    /** A token from the {@code from}th byte on; there must be at least one. */
    record Suffix(byte[] bytes, int from, int token) implements Comparable<Suffix> {
        int length() {
            return bytes.length - from;
        }

        @Override
        public int compareTo(Suffix other) {
            return Arrays.compareUnsigned(
                    bytes, from, bytes.length, other.bytes, other.from, other.bytes.length);
        }
    }

    static final TokenTrie EMPTY = new TokenTrie(new Suffix[0]);

    private final byte[] labels;
    private final short[] depths;
    private final int[] ends;
    private final int[] firstTokens;
    private final int[] tokens;
    private final short[] textDepths;
    private final int deepest;

    static TokenTrie of(List<Suffix> strings) {
        return strings.isEmpty() ? EMPTY : new TokenTrie(strings.toArray(Suffix[]::new));
    }

    private TokenTrie(Suffix[] strings) {
        Arrays.sort(strings);
        int nodes = 0;
        int longest = 0;
        for (int i = 0; i < strings.length; i++) {
            nodes += strings[i].length() - shared(strings, i);
            longest = Math.max(longest, strings[i].length());
        }
        labels = new byte[nodes];
        depths = new short[nodes];
        ends = new int[nodes];
        firstTokens = new int[nodes + 1];
        tokens = new int[strings.length];
        deepest = longest;
        fill(strings);
        textDepths = findTextDepths();
    }

    /** Whether a byte is a printable ASCII character that JSON strings hold as it is. */
    static boolean isPlain(int value) {
        return value >= ' ' && value < 0x7f && value != '"' && value != '\\';
    }

    private short[] findTextDepths() {
        byte[] positions = new byte[labels.length];
        int[] path = new int[deepest + 1];
        for (int node = 0; node < labels.length; node++) {
            int before = path[depths[node] - 1];
            positions[node] = (byte) Utf8.position(before, label(node));
            path[depths[node]] = positions[node];
        }
        short[] all = new short[labels.length];
        for (int node = labels.length - 1; node >= 0; node--) {
            all[node] = textDepth(node, positions, all);
        }
        for (int node = 0; node < labels.length; node++) {
            if (positions[node] != Utf8.BOUNDARY) {
                all[node] = -1;
            }
        }
        return all;
    }

    private short textDepth(int node, byte[] positions, short[] all) {
        int depth = 0;
        boolean boundary = positions[node] == Utf8.BOUNDARY;
        for (int child = node + 1; child < ends[node]; child = ends[child]) {
            boolean text = label(child) >= 0x80 || isPlain(label(child));
            if (!text || positions[child] == Utf8.INVALID || all[child] < 0) {
                return -1;
            }
            depth = Math.max(depth, all[child] + (boundary ? 1 : 0));
        }
        return (short) depth;
    }

    private static int shared(Suffix[] strings, int i) {
        if (i == 0) {
            return 0;
        }
        var a = strings[i - 1];
        var b = strings[i];
        int at = Arrays.mismatch(a.bytes, a.from, a.bytes.length, b.bytes, b.from, b.bytes.length);
        return at < 0 ? b.length() : at;
    }

    private void fill(Suffix[] strings) {
        int node = 0;
        int[] path = new int[deepest + 1];
        int open = 0;
        for (int i = 0; i < strings.length; i++) {
            int shared = shared(strings, i);
            for (; open > shared; open--) {
                ends[path[open]] = node;
            }
            for (; open < strings[i].length(); node++) {
                labels[node] = strings[i].bytes[strings[i].from + open];
                firstTokens[node] = i;
                path[++open] = node;
                depths[node] = (short) open;
            }
            tokens[i] = strings[i].token;
        }
        for (; open > 0; open--) {
            ends[path[open]] = node;
        }
        firstTokens[node] = strings.length;
    }

    int size() {
        return labels.length;
    }

    /** The byte on the edge to this node. */
    int label(int node) {
        return labels[node] & 0xff;
    }

    /** Length of the string up to and with this node. */
    int depth(int node) {
        return depths[node];
    }

    /** The node after this one and all below it. */
    int end(int node) {
        return ends[node];
    }

    /**
     * Characters of the longest way down from this node, when it is between characters and all are
     * {@link #isPlain plain} or not ASCII; else -1.
     */
    int textDepth(int node) {
        return textDepths[node];
    }

    int deepest() {
        return deepest;
    }

    /** Index of the first token at or below this node; those of a subtree are consecutive. */
    int firstToken(int node) {
        return firstTokens[node];
    }

    /** Index after the last token whose string ends at this very node. */
    int lastTokenAt(int node) {
        return firstTokens[node + 1];
    }

    /** Index after the last token at or below this node. */
    int lastTokenBelow(int node) {
        return firstTokens[ends[node]];
    }

    /** Sets the bits of the tokens whose string ends at this very node. */
    void addTokensAt(int node, long[] mask) {
        addTokens(firstTokens[node], firstTokens[node + 1], mask);
    }

    /** Sets the bits of the tokens at and below this node. */
    void addTokensBelow(int node, long[] mask) {
        addTokens(firstTokens[node], firstTokens[ends[node]], mask);
    }

    private void addTokens(int from, int to, long[] mask) {
        for (int i = from; i < to; i++) {
            int token = tokens[i];
            mask[token >> 6] |= 1L << token;
        }
    }

    int token(int index) {
        return tokens[index];
    }

    /** The child of a node (-1 for the root) on this byte, or -1. */
    int child(int node, int label) {
        int end = node < 0 ? labels.length : ends[node];
        for (int child = node + 1; child < end; child = ends[child]) {
            if (label(child) >= label) {
                return label(child) == label ? child : -1;
            }
        }
        return -1;
    }

    long bytes() {
        return 13L * labels.length + 4L * tokens.length + 64;
    }
}
