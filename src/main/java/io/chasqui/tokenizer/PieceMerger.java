package io.chasqui.tokenizer;

import java.util.Arrays;

/**
 * Byte-pair encoding of one piece of text: again and again the adjacent pair of lowest rank is
 * merged, the leftmost of equals. A linked list with a heap of candidate pairs makes that O(n log
 * n). Holds scratch space: one per thread and call.
 */
final class PieceMerger {
    private static final int NO_MERGE = -1;

    private final Vocabulary vocabulary;
    private final MergeTable merges;

    private int count;
    private int[] ids = new int[64];
    private int[] previous = new int[64];
    private int[] next = new int[64];
    private int[] ranks = new int[64];
    private int[] merged = new int[64];

    private long[] heap = new long[128];
    private int heapSize;

    PieceMerger(Vocabulary vocabulary, MergeTable merges) {
        this.vocabulary = vocabulary;
        this.merges = merges;
    }

    /** Appends the tokens of a piece. Bytes that the vocabulary cannot express are left out. */
    void merge(byte[] text, int from, int to, TokenBuffer out) {
        start(text, from, to);
        while (heapSize > 0) {
            long candidate = pop();
            int left = (int) candidate;
            if (ranks[left] == (int) (candidate >>> 32)) {
                mergeAt(left);
            }
        }
        for (int i = 0; i < count; i = next[i]) {
            out.add(ids[i]);
        }
    }

    private void start(byte[] text, int from, int to) {
        reserve(to - from);
        count = 0;
        for (int i = from; i < to; i++) {
            int id = vocabulary.byteToken(text[i] & 0xff);
            if (id >= 0) {
                ids[count] = id;
                previous[count] = count - 1;
                next[count] = ++count;
            }
        }
        for (int i = 0; i < count; i++) {
            offer(i);
        }
    }

    private void reserve(int length) {
        if (length > ids.length) {
            int capacity = Math.max(length, ids.length * 2);
            ids = new int[capacity];
            previous = new int[capacity];
            next = new int[capacity];
            ranks = new int[capacity];
            merged = new int[capacity];
        }
    }

    private void mergeAt(int left) {
        int right = next[left];
        ids[left] = merged[left];
        ranks[right] = NO_MERGE;
        next[left] = next[right];
        if (next[left] < count) {
            previous[next[left]] = left;
        }
        offer(left);
        if (previous[left] >= 0) {
            offer(previous[left]);
        }
    }

    /** Makes the pair that starts here a candidate; one from before becomes stale. */
    private void offer(int left) {
        ranks[left] = NO_MERGE;
        int right = next[left];
        if (right >= count) {
            return;
        }
        long merge = merges.find(ids[left], ids[right]);
        if (merge != MergeTable.NONE) {
            ranks[left] = (int) (merge >>> 32);
            merged[left] = (int) merge;
            push(merge & 0xffffffff_00000000L | left);
        }
    }

    private void push(long value) {
        if (heapSize == heap.length) {
            heap = Arrays.copyOf(heap, heapSize * 2);
        }
        int i = heapSize++;
        while (i > 0 && heap[i - 1 >> 1] > value) {
            heap[i] = heap[i - 1 >> 1];
            i = i - 1 >> 1;
        }
        heap[i] = value;
    }

    private long pop() {
        long least = heap[0];
        long last = heap[--heapSize];
        int i = 0;
        int child;
        while ((child = 2 * i + 1) < heapSize) {
            if (child + 1 < heapSize && heap[child + 1] < heap[child]) {
                child++;
            }
            if (heap[child] >= last) {
                break;
            }
            heap[i] = heap[child];
            i = child;
        }
        heap[i] = last;
        return least;
    }
}
