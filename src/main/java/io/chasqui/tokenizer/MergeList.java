package io.chasqui.tokenizer;

import io.chasqui.loader.ModelFormatException;

/** Merges as a list of pairs in order of priority, spelled in the {@link ByteAlphabet}. */
final class MergeList {
    private final String source;
    private final Vocabulary vocabulary;
    private final int[] left;
    private final int[] right;
    private final int[] merged;
    private int size;
    private boolean ascending = true;

    private byte[] bytes = new byte[256];

    private MergeList(String source, Vocabulary vocabulary, int capacity) {
        this.source = source;
        this.vocabulary = vocabulary;
        this.left = new int[capacity];
        this.right = new int[capacity];
        this.merged = new int[capacity];
    }

    /**
     * @param source where the merges come from, for error messages
     * @param pairs entries {@code left SPACE right}
     * @throws ModelFormatException if an entry is no pair, or speaks of a token that does not exist
     */
    static MergeTable read(String source, Vocabulary vocabulary, String[] pairs) {
        var list = new MergeList(source, vocabulary, pairs.length);
        for (var pair : pairs) {
            list.add(pair);
        }
        return list.toTable();
    }

    private void add(String pair) {
        int length = pair.length();
        if (length > bytes.length) {
            bytes = new byte[length];
        }
        int split = -1;
        int n = 0;
        for (int i = 0; i < length; i++) {
            char c = pair.charAt(i);
            if (c == ' ' && split < 0) {
                split = n;
                continue;
            }
            int b = ByteAlphabet.byteOf(c);
            if (b < 0) {
                throw bad(pair, "is not a pair in the byte-level alphabet");
            }
            bytes[n++] = (byte) b;
        }
        if (split <= 0 || split == n) {
            throw bad(pair, "is not a pair");
        }
        long leftHash = vocabulary.hash(0, bytes, 0, split);
        int leftId = vocabulary.find(bytes, 0, split, leftHash);
        int rightId = vocabulary.find(bytes, split, n);
        int mergedId = vocabulary.find(bytes, 0, n, vocabulary.hash(leftHash, bytes, split, n));
        if (leftId < 0 || rightId < 0 || mergedId < 0) {
            throw bad(pair, "speaks of a token that the vocabulary does not hold");
        }
        add(leftId, rightId, mergedId);
    }

    private void add(int leftId, int rightId, int mergedId) {
        left[size] = leftId;
        right[size] = rightId;
        merged[size] = mergedId;
        ascending &= size == 0 || mergedId >= merged[size - 1];
        size++;
    }

    /**
     * In a vocabulary made of ranks the list holds every way to split a token, in order of the
     * tokens; then the rank is the token itself, and of two ways to the same token neither goes
     * first.
     */
    private MergeTable toTable() {
        var table = new MergeTable(size);
        for (int i = 0; i < size; i++) {
            table.add(left[i], right[i], ascending ? merged[i] : i, merged[i]);
        }
        return table;
    }

    private ModelFormatException bad(String pair, String reason) {
        return new ModelFormatException(
                source + ": entry " + size + " " + quote(pair) + " " + reason);
    }

    private static String quote(String text) {
        return "'" + (text.length() > 80 ? text.substring(0, 80) + "…" : text) + "'";
    }
}
