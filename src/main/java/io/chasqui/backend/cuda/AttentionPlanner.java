package io.chasqui.backend.cuda;

import io.chasqui.backend.ForwardBatch;
import java.util.Arrays;

/**
 * How a batch's attention is cut into pieces of work, the same for every layer: as many
 * neighbouring queries of one sequence as fill a block's rows, over all their chunks of keys; or,
 * where they have more to read than a block's fair share, over some of their chunks, with their
 * states folded afterwards. The cut never shows in the result.
 *
 * <p>The blocks of the kernel stay and take pieces in turn, each for every KV head, so the longest
 * come first. A piece costs about the same for one query as for many: then memory is the limit.
 */
final class AttentionPlanner {
    /** Keys of a chunk, which is where a query's work may be cut. */
    static final int CHUNK = 256;

    /** Rows of a piece, i.e. pairs of a query and one of the heads that share a KV head. */
    static final int MAX_ROWS = 64;

    /** Threads of a block of {@code paged_attention_<head_dim>}. */
    static final int THREADS = 128;

    /** Threads of a block of {@code attention_combine_<head_dim>}. */
    static final int COMBINE_THREADS = 64;

    /** Pieces beside one for each token: more than a GPU has blocks at once. */
    private static final int MAX_CUTS = 1024;

    private static final long STATES_BYTES = 64L << 20;
    private static final int MIN_STATES = 512;
    private static final int MAX_STATES = 8192;

    private static final int BLOCKS_PER_MULTIPROCESSOR = 2;
    private static final int COMBINE_BLOCKS_PER_MULTIPROCESSOR = 8;

    private static final int TILE_KEYS = 64;
    private static final int STAGES = 4;
    private static final int NARROW_ROWS = 16;
    private static final int SCORE_STRIDE = TILE_KEYS + 8;

    private final int blocks;
    private final int kvHeads;
    private final int queries;
    private final int maxStates;
    private final int[] pieces;
    private final int[] work;
    private final int[] combine;
    private final long[] order;
    private int workCount;
    private int combineCount;
    private int states;
    private int cutsLeft;

    /**
     * @param heads of a rank
     * @param kvHeads of a rank
     * @param maxTokens most tokens in a batch
     * @throws IllegalArgumentException if more heads share a KV head than a block has rows
     */
    AttentionPlanner(int multiprocessors, int heads, int kvHeads, int headDim, int maxTokens) {
        int group = heads / kvHeads;
        if (group > MAX_ROWS) {
            throw new IllegalArgumentException(
                    "%d heads share a key/value head; the CUDA backend runs up to %d"
                            .formatted(group, MAX_ROWS));
        }
        blocks = blocks(multiprocessors);
        this.kvHeads = kvHeads;
        queries = MAX_ROWS / group;
        maxStates = maxStates(heads, headDim);
        int maxWork = maxWork(maxTokens);
        pieces = new int[maxWork * StepLayout.ATTENTION_WORK_BYTES / Integer.BYTES];
        work = new int[pieces.length];
        order = new long[maxWork];
        combine = new int[maxWork * StepLayout.COMBINE_WORK_BYTES / Integer.BYTES];
    }

    /** Most pieces of work, and of combining, for so many tokens. */
    static int maxWork(int maxTokens) {
        return maxTokens + MAX_CUTS;
    }

    /** States that there is room for, each of one chunk for one query and all heads of a rank. */
    static int maxStates(int heads, int headDim) {
        long room = STATES_BYTES / ((long) heads * (headDim + 2) * Float.BYTES);
        return (int) Math.clamp(room, MIN_STATES, MAX_STATES);
    }

    /** Bytes of all states. */
    static long statesBytes(int heads, int headDim) {
        return (long) maxStates(heads, headDim) * heads * (headDim + 2) * Float.BYTES;
    }

    /** Blocks to launch {@code paged_attention} with; any number gives the same result. */
    static int blocks(int multiprocessors) {
        return multiprocessors * BLOCKS_PER_MULTIPROCESSOR;
    }

    /** Blocks to launch {@code attention_combine} with; any number gives the same result. */
    static int combineBlocks(int multiprocessors) {
        return multiprocessors * COMBINE_BLOCKS_PER_MULTIPROCESSOR;
    }

    /** Dynamic shared memory of {@code paged_attention}: {@code Layout} in its source. */
    static int sharedBytes(int headDim) {
        int wide = MAX_ROWS * headDim * Short.BYTES;
        int narrow = NARROW_ROWS * (headDim * Short.BYTES + SCORE_STRIDE * Float.BYTES);
        return STAGES * TILE_KEYS * headDim * Short.BYTES
                + Math.max(wide, narrow)
                + TILE_KEYS * Integer.BYTES;
    }

    /** Plans a batch. */
    void plan(ForwardBatch batch) {
        workCount = 0;
        combineCount = 0;
        states = 0;
        cutsLeft = MAX_CUTS;
        int share = chunksPerPiece(batch);
        int[] start = batch.queryStart();
        for (int s = 0; s < batch.numSequences(); s++) {
            for (int end = start[s + 1]; end > start[s]; end -= queries) {
                int first = Math.max(start[s], end - queries);
                add(s, first, end - first, chunks(batch, end), share);
            }
        }
        sortLongestFirst();
    }

    /** What each block would have, were all work shared out evenly. */
    private int chunksPerPiece(ForwardBatch batch) {
        long chunks = 0;
        int[] start = batch.queryStart();
        for (int s = 0; s < batch.numSequences(); s++) {
            for (int end = start[s + 1]; end > start[s]; end -= queries) {
                chunks += chunks(batch, end);
            }
        }
        return (int) Math.max(1, Math.ceilDiv(chunks * kvHeads, blocks));
    }

    private static int chunks(ForwardBatch batch, int end) {
        return batch.positions()[end - 1] / CHUNK + 1;
    }

    private void add(int sequence, int first, int tokens, int chunks, int share) {
        int cuts = Math.ceilDiv(chunks, share);
        if (cuts == 1 || cuts > cutsLeft || states + chunks * tokens > maxStates) {
            addPiece(first, tokens, sequence, 0, chunks, -1);
            return;
        }
        int at = 4 * combineCount++;
        combine[at] = first;
        combine[at + 1] = tokens;
        combine[at + 2] = states;
        combine[at + 3] = chunks;
        for (int i = 0; i < cuts; i++) {
            int from = chunks * i / cuts;
            int to = chunks * (i + 1) / cuts;
            addPiece(first, tokens, sequence, from, to - from, states + from * tokens);
        }
        states += chunks * tokens;
        cutsLeft -= cuts;
    }

    private void addPiece(
            int first, int tokens, int sequence, int firstChunk, int chunks, int state) {
        int at = 6 * workCount;
        pieces[at] = first;
        pieces[at + 1] = tokens;
        pieces[at + 2] = sequence;
        pieces[at + 3] = firstChunk;
        pieces[at + 4] = chunks;
        pieces[at + 5] = state;
        order[workCount] = ((long) -chunks << Integer.SIZE) | workCount;
        workCount++;
    }

    private void sortLongestFirst() {
        Arrays.sort(order, 0, workCount);
        for (int i = 0; i < workCount; i++) {
            System.arraycopy(pieces, 6 * (int) order[i], work, 6 * i, 6);
        }
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
