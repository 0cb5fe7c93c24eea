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

    /** Per node, the {@link TextGroups} of all bytes below. */
    private final short[] groups;

    /** Per node, characters of the longest way down; -1 within a character or if not UTF-8. */
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
        groups = new short[nodes];
        textDepths = findTextDepths();
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
            groups[node] |= (short) (TextGroups.of(label(child)) | groups[child]);
            if (positions[child] == Utf8.INVALID || all[child] < 0 || depth < 0) {
                depth = -1;
            } else {
                depth = Math.max(depth, all[child] + (boundary ? 1 : 0));
            }
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
        addTokens(tokens, from, to, mask);
    }

    private static void addTokens(int[] tokens, int from, int to, long[] mask) {
        for (int i = from; i < to; i++) {
            mask[tokens[i] >> 6] |= 1L << tokens[i];
        }
    }

    /**
     * Sets the bits of all tokens that may follow a state, its rule having no calls: so there are
     * no stacks to keep, and whole branches of ordinary text go through at once.
     *
     * @param text groups of what counts as ordinary text
     * @param ends takes the nodes after which the rule may end
     */
    void allow(Rule rule, int state, int text, long[] mask, IntList ends) {
        // The hottest loop of all; arrays are read through locals.
        byte[] label = labels;
        short[] depth = depths;
        short[] textDepth = textDepths;
        short[] below = groups;
        int[] first = firstTokens;
        int[] token = tokens;
        int[] rows = rule.rows();
        int[] classOf = rule.classOf();
        int[] horizons = rule.textHorizons(text).all();
        boolean[] accepts = rule.accepts();
        int classes = rule.classes();
        int[] path = new int[deepest + 1];
        path[0] = state;
        int node = 0;
        while (node < label.length) {
            int next = rows[path[depth[node] - 1] * classes + classOf[label[node] & 0xff]];
            if (next == Rule.NONE) {
                node = this.ends[node];
                continue;
            }
            int longest = textDepth[node];
            if (longest >= 0 && longest <= horizons[next] && (below[node] & ~text) == 0) {
                int after = this.ends[node];
                addTokens(token, first[node], first[after], mask);
                node = after;
                continue;
            }
            path[depth[node]] = next;
            addTokens(token, first[node], first[node + 1], mask);
            if (accepts[next]) {
                ends.add(node);
            }
            node++;
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
        return 15L * labels.length + 4L * tokens.length + 64;
    }
}
