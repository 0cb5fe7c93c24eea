package io.chasqui.backend.cuda;

import io.chasqui.backend.ForwardBatch;

/**
 * How a batch's attention is cut into pieces of work, the same for every layer: a tile of
 * neighbouring queries of one sequence over all its chunks of keys, or, where single queries with a
 * long past would leave multiprocessors idle, some of the chunks of one query. The cut never shows
 * in the result.
 */
final class AttentionPlanner {
    /** Keys of a chunk, which is where a query's work may be cut. */
    static final int CHUNK = 256;

    /** Queries of a tile. */
    static final int QUERIES = 16;

    /** States of chunks that there is room for. */
    static final int MAX_STATES = 1024;

    /** Pieces of work that each multiprocessor should find. */
    private static final int WORK_PER_MULTIPROCESSOR = 4;

    private final int wanted;
    private final int[] work;
    private final int[] combine;
    private int workCount;
    private int combineCount;
    private int states;

    /**
     * @param blocks pieces of work that run at the same time
     */
    AttentionPlanner(int multiprocessors, int kvHeads, int maxTokens) {
        wanted = Math.max(1, multiprocessors * WORK_PER_MULTIPROCESSOR / kvHeads);
        work = new int[maxWork(maxTokens) * StepLayout.ATTENTION_WORK_BYTES / Integer.BYTES];
        combine = new int[maxWork(maxTokens) * StepLayout.COMBINE_WORK_BYTES / Integer.BYTES];
    }

    /** Most pieces of work for so many tokens. */
    static int maxWork(int maxTokens) {
        return maxTokens + MAX_STATES;
    }

    /** Plans a batch. */
    void plan(ForwardBatch batch) {
        workCount = 0;
        combineCount = 0;
        states = 0;
        int chunksPerPiece = chunksPerPiece(batch);
        int[] start = batch.queryStart();
        for (int s = 0; s < batch.numSequences(); s++) {
            // Later queries have more to read: they go first, so that no long piece is left to the
            // end.
            for (int end = start[s + 1]; end > start[s]; end -= QUERIES) {
                int first = Math.max(start[s], end - QUERIES);
                int chunks = batch.positions()[end - 1] / CHUNK + 1;
                boolean single = start[s + 1] - start[s] == 1;
                if (single && chunks > chunksPerPiece && states + chunks <= MAX_STATES) {
                    split(first, s, chunks, chunksPerPiece);
                } else {
                    add(first, end - first, s, 0, chunks, -1);
                }
            }
        }
    }

    private int chunksPerPiece(ForwardBatch batch) {
        long chunks = 0;
        int[] start = batch.queryStart();
        for (int s = 0; s < batch.numSequences(); s++) {
            int tiles = Math.ceilDiv(start[s + 1] - start[s], QUERIES);
            chunks += (long) tiles * Math.ceilDiv(batch.seqLens()[s], CHUNK);
        }
        return Math.max(1, Math.toIntExact(Math.ceilDiv(chunks, wanted)));
    }

    private void split(int token, int sequence, int chunks, int chunksPerPiece) {
        int first = states;
        for (int chunk = 0; chunk < chunks; chunk += chunksPerPiece) {
            int count = Math.min(chunksPerPiece, chunks - chunk);
            add(token, 1, sequence, chunk, count, first + chunk);
        }
        states += chunks;
        int at = 4 * combineCount++;
        combine[at] = token;
        combine[at + 1] = 1;
        combine[at + 2] = first;
        combine[at + 3] = chunks;
    }

    private void add(int token, int tokens, int sequence, int chunk, int chunks, int state) {
        int at = 6 * workCount++;
        work[at] = token;
        work[at + 1] = tokens;
        work[at + 2] = sequence;
        work[at + 3] = chunk;
        work[at + 4] = chunks;
        work[at + 5] = state;
    }

    /** Pieces of the plan, each a struct {@code AttentionWork}. */
    int[] work() {
        return work;
    }

    int workCount() {
        return workCount;
    }

    /** Each a struct {@code CombineWork}. */
    int[] combine() {
        return combine;
    }

    int combineCount() {
        return combineCount;
    }
}
