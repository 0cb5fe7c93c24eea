package io.chasqui.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;

/** Tokens with a spelling of their own, and the search for these spellings in text. */
final class SpecialTokens {
    private final Map<String, Integer> idByName;
    private final byte[][] spellings;
    private final int[] ids;
    private final boolean[] isFirstByte = new boolean[256];

    /**
     * @param idByName ids by name; names are not empty and hold no lone surrogates
     */
    SpecialTokens(Map<String, Integer> idByName) {
        this.idByName = Map.copyOf(idByName);
        spellings =
                idByName.keySet().stream()
                        .map(name -> name.getBytes(StandardCharsets.UTF_8))
                        .sorted(Arrays::compareUnsigned)
                        .toArray(byte[][]::new);
        ids = new int[spellings.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = idByName.get(new String(spellings[i], StandardCharsets.UTF_8));
            isFirstByte[spellings[i][0] & 0xff] = true;
        }
    }

    /** Id of the token of that name, or -1. */
    int id(String name) {
        return idByName.getOrDefault(name, -1);
    }

    /** The longest special token spelled here, or -1. */
    int match(byte[] text, int from, int end) {
        if (!isFirstByte[text[from] & 0xff]) {
            return -1;
        }
        int token = -1;
        int low = 0;
        int high = spellings.length;
        for (int depth = 0; from + depth < end && low < high; depth++) {
            int wanted = text[from + depth] & 0xff;
            low = firstAtLeast(wanted, depth, low, high);
            high = firstAtLeast(wanted + 1, depth, low, high);
            if (low < high && spellings[low].length == depth + 1) {
                token = ids[low++];
            }
        }
        return token;
    }

    /**
     * First spelling from low to high whose byte at {@code depth} is no less; all of them are
     * longer than {@code depth} and equal before it.
     */
    private int firstAtLeast(int wanted, int depth, int low, int high) {
        int from = low;
        int to = high;
        while (from < to) {
            int middle = from + to >>> 1;
            if ((spellings[middle][depth] & 0xff) < wanted) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        return from;
    }
}
