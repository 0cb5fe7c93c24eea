package io.chasqui.tokenizer;

import java.util.SplittableRandom;

/** Which adjacent tokens merge into which, and in what order. Open addressing over long keys. */
final class MergeTable {
    /** No merge of that pair. */
    static final long NONE = -1;

    private final long[] keys;
    private final long[] values;
    private final int shift;

    /** Secret, so that no file can hold merges made to collide. */
    private final long secret = new SplittableRandom().nextLong();

    /**
     * @param merges most merges that will be added
     */
    MergeTable(int merges) {
        int bits = 33 - Integer.numberOfLeadingZeros(Math.max(1, merges));
        keys = new long[1 << bits];
        values = new long[1 << bits];
        shift = 64 - bits;
    }

    // Key 0 marks an empty slot, hence the offset.
    private static long key(int left, int right) {
        return ((long) left << 32 | right) + 1;
    }

    private int slot(long key) {
        long mixed = (key ^ secret) * 0xBF58476D1CE4E5B9L;
        return (int) ((mixed ^ mixed >>> 32) * 0x9E3779B97F4A7C15L >>> shift);
    }

    /**
     * Adds a merge unless the pair has one already.
     *
     * @param rank merges of lower rank are done first
     */
    void add(int left, int right, int rank, int merged) {
        long key = key(left, right);
        int slot = slot(key);
        while (keys[slot] != 0) {
            if (keys[slot] == key) {
                return;
            }
            slot = slot + 1 & keys.length - 1;
        }
        keys[slot] = key;
        values[slot] = (long) rank << 32 | merged;
    }

    /** Rank in the high and merged token in the low half, or {@link #NONE}. */
    long find(int left, int right) {
        long key = key(left, right);
        int slot = slot(key);
        while (keys[slot] != 0) {
            if (keys[slot] == key) {
                return values[slot];
            }
            slot = slot + 1 & keys.length - 1;
        }
        return NONE;
    }
}
