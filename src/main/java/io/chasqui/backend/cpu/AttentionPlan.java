package io.chasqui.backend.cpu;

import io.chasqui.backend.ForwardBatch;

/**
 * How a batch's attention is cut into work items, the same for every layer: a tile of neighbouring
 * queries of one sequence, or, where one query with a long past would leave workers idle, one span
 * of its positions. The cut never shows in the result.
 */
final class AttentionPlan {
    /** Queries of a tile. */
    static final int QUERIES = 32;

    private static final int ITEMS_PER_WORKER = 8;

    private final int workers;
    private final int kvHeads;
    private final int maxParts;
    private final int[] sequences;
    private final int[] firstQueries;
    private final int[] endQueries;

    /** First partial result of the item's query; -1 when the item has all spans. */
    private final int[] firstParts;

    private final int[] spans;
    private final int[] partQueries;
    private int items;
    private int parts;
    private int splitQueries;

    /**
     * @param maxParts partial results that there is room for
     */
    AttentionPlan(int workers, int kvHeads, int maxTokens, int maxParts) {
        this.workers = workers;
        this.kvHeads = kvHeads;
        this.maxParts = maxParts;
        int size = maxTokens + maxParts;
        sequences = new int[size];
        firstQueries = new int[size];
        endQueries = new int[size];
        firstParts = new int[size];
        spans = new int[size];
        partQueries = new int[size];
    }

    /** Plans a batch. */
    void make(ForwardBatch batch) {
        items = 0;
        parts = 0;
        splitQueries = 0;
        int[] start = batch.queryStart();
        boolean split = workers > 1 && tiles(start) * kvHeads < workers * ITEMS_PER_WORKER;
        for (int s = 0; s < batch.numSequences(); s++) {
            // Later queries have more to read: they go first, so that no long item is left to the
            // end.
            for (int end = start[s + 1]; end > start[s]; end -= QUERIES) {
                int first = Math.max(start[s], end - QUERIES);
                int spanCount = batch.positions()[end - 1] / PagedAttention.SPAN + 1;
                if (split && end - first == 1 && spanCount > 1 && parts + spanCount <= maxParts) {
                    splitQuery(s, first, spanCount);
                } else {
                    add(s, first, end, -1, 0, 0);
                }
            }
        }
    }

    private static int tiles(int[] start) {
        int tiles = 0;
        for (int s = 0; s + 1 < start.length; s++) {
            tiles += Math.ceilDiv(start[s + 1] - start[s], QUERIES);
        }
        return tiles;
    }

    private void splitQuery(int sequence, int query, int spanCount) {
        for (int span = 0; span < spanCount; span++) {
            add(sequence, query, query + 1, parts, span, splitQueries);
        }
        parts += spanCount;
        splitQueries++;
    }

    private void add(int sequence, int first, int end, int firstPart, int span, int partQuery) {
        sequences[items] = sequence;
        firstQueries[items] = first;
        endQueries[items] = end;
        firstParts[items] = firstPart;
        spans[items] = span;
        partQueries[items] = partQuery;
        items++;
    }

    int items() {
        return items;
    }

    int sequence(int item) {
        return sequences[item];
    }

    int firstQuery(int item) {
        return firstQueries[item];
    }

    int endQuery(int item) {
        return endQueries[item];
    }

    /** Whether the item is one span of a query. */
    boolean isSpan(int item) {
        return firstParts[item] >= 0;
    }

    /** The item's span, if it is one. */
    int span(int item) {
        return spans[item];
    }

    /** First partial result of the item's query. */
    int firstPart(int item) {
        return firstParts[item];
    }

    /** Which of the split queries the item belongs to. */
    int splitQuery(int item) {
        return partQueries[item];
    }

    int splitQueries() {
        return splitQueries;
    }
}
