package io.chasqui.backend.cuda;

import io.chasqui.backend.LogitsRow;

/** The distinct tokens of a request so far, and how often each was put out. */
final class TokenCounts {
    /** Per id its place in {@link #ids}, plus one. */
    private final int[] places;

    private final int[] ids;
    private final int[] counts;
    private int size;

    TokenCounts(int vocab) {
        places = new int[vocab];
        ids = new int[vocab];
        counts = new int[vocab];
    }

    void count(LogitsRow row) {
        for (int i = 0; i < size; i++) {
            places[ids[i]] = 0;
        }
        size = 0;
        int[] history = row.history();
        for (int i = 0; i < row.historyLength(); i++) {
            int id = history[i];
            if (places[id] == 0) {
                ids[size] = id;
                counts[size] = 0;
                places[id] = ++size;
            }
            if (i >= row.promptLength()) {
                counts[places[id] - 1]++;
            }
        }
    }

    int size() {
        return size;
    }

    int[] ids() {
        return ids;
    }

    int[] counts() {
        return counts;
    }
}
