package io.chasqui.backend.cpu;

import io.chasqui.backend.KvDType;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * Grouped-query attention over the paged cache.
 *
 * <p>Order of the arithmetic, for a query and head by itself: positions are cut into spans of
 * {@link #SPAN} and those into chunks of {@link #CHUNK}, both counted from position 0. Within a
 * span the chunks are folded left by the online softmax; the spans' results are folded left
 * likewise. A prefill row and a decode row of one position run the same code on one row, so nothing
 * else of the batch can enter. Positions past the query's own are never read into a result.
 */
final class PagedAttention {
    /** Positions that share one maximum. */
    static final int CHUNK = 64;

    /** Positions whose result is complete before it is folded with others. */
    static final int SPAN = 256;

    private static final int MAX_PARTS = 1024;

    private final Kernels kernels;
    private final WorkerPool pool;
    private final int group;
    private final int kvHeads;
    private final int headDim;
    private final int stride;
    private final float scale;
    private final AttentionPlan plan;
    private final AttentionScratch[] scratch;

    /** Results of single spans: {@code [part][kvHead][group][stride]}. */
    private final float[] parts;

    /** Their maxima and sums: {@code [part][kvHead][group][2]}. */
    private final float[] partStates;

    /** Spans still missing: {@code [split query][kvHead]}. */
    private final AtomicIntegerArray missing;

    private final WorkerPool.Region attend = this::attend;
    private CpuForwardPass pass;
    private CpuKvCache cache;
    private int layer;

    PagedAttention(Kernels kernels, WorkerPool pool, CpuForwardPass workspace) {
        var shape = workspace.shape;
        this.kernels = kernels;
        this.pool = pool;
        kvHeads = shape.kvHeads();
        group = shape.heads() / shape.kvHeads();
        headDim = shape.headDim();
        stride = CpuKvCache.stride(headDim);
        scale = (float) (1 / Math.sqrt(headDim));
        int maxParts = pool.size() > 1 ? MAX_PARTS : 0;
        plan = new AttentionPlan(pool.size(), kvHeads, workspace.maxTokens, maxParts);
        parts = new float[Math.multiplyExact(maxParts, shape.heads() * stride)];
        partStates = new float[maxParts * shape.heads() * 2];
        missing = new AtomicIntegerArray(maxParts * kvHeads);
        var f32 = kernels.attention(KvDType.F32);
        var bf16 = kernels.attention(KvDType.BF16);
        scratch = new AttentionScratch[pool.size()];
        for (int w = 0; w < scratch.length; w++) {
            scratch[w] =
                    new AttentionScratch(kernels, f32, bf16, AttentionPlan.QUERIES, group, stride);
        }
    }

    /** Must be called once for each batch, before its first layer. */
    void plan(CpuForwardPass forward) {
        pass = forward;
        plan.make(forward.batch());
    }

    void run(CpuForwardPass forward, CpuKvCache kv, int index) {
        pass = forward;
        cache = kv;
        layer = index;
        if (plan.splitQueries() > 0) {
            armSplitQueries();
        }
        pool.run(plan.items() * kvHeads, 1, attend);
    }

    private void armSplitQueries() {
        for (int item = 0; item < plan.items(); item++) {
            if (plan.isSpan(item)) {
                int first = plan.splitQuery(item) * kvHeads;
                for (int h = 0; h < kvHeads; h++) {
                    missing.setPlain(first + h, plan.span(item) + 1);
                }
            }
        }
    }

    private void attend(int worker, int from, int to) {
        var mine = scratch[worker];
        for (int i = from; i < to; i++) {
            int item = i / kvHeads;
            if (plan.isSpan(item)) {
                attendSpan(mine, item, i % kvHeads);
            } else {
                attendAll(mine, item, i % kvHeads);
            }
        }
    }

    /** All spans of a tile of queries. */
    private void attendAll(AttentionScratch mine, int item, int kvHead) {
        int first = plan.firstQuery(item);
        int end = plan.endQuery(item);
        int[] positions = pass.batch().positions();
        int spans = positions[end - 1] / SPAN + 1;
        for (int span = 0; span < spans; span++) {
            attendSpan(mine, plan.sequence(item), first, end, kvHead, span);
            for (int t = first; t < end; t++) {
                if (positions[t] >= span * SPAN) {
                    mine.foldSpan(t - first, span == 0, scale);
                }
            }
        }
        for (int t = first; t < end; t++) {
            write(
                    t,
                    kvHead,
                    mine.total,
                    (t - first) * group * stride,
                    mine.totalStates,
                    (t - first) * group * 2);
        }
    }

    /** One span of one query; whoever finishes the last one folds them all. */
    private void attendSpan(AttentionScratch mine, int item, int kvHead) {
        int query = plan.firstQuery(item);
        attendSpan(mine, plan.sequence(item), query, query + 1, kvHead, plan.span(item));
        int part = (plan.firstPart(item) + plan.span(item)) * kvHeads + kvHead;
        System.arraycopy(mine.span, 0, parts, part * group * stride, group * stride);
        System.arraycopy(mine.spanStates, 0, partStates, part * group * 2, group * 2);
        int counter = plan.splitQuery(item) * kvHeads + kvHead;
        if (missing.decrementAndGet(counter) == 0) {
            foldParts(mine, item, kvHead);
        }
    }

    private void foldParts(AttentionScratch mine, int item, int kvHead) {
        int query = plan.firstQuery(item);
        int spans = pass.batch().positions()[query] / SPAN + 1;
        for (int span = 0; span < spans; span++) {
            int part = (plan.firstPart(item) + span) * kvHeads + kvHead;
            System.arraycopy(parts, part * group * stride, mine.span, 0, group * stride);
            System.arraycopy(partStates, part * group * 2, mine.spanStates, 0, group * 2);
            mine.foldSpan(0, span == 0, scale);
        }
        write(query, kvHead, mine.total, 0, mine.totalStates, 0);
    }

    /** Attention of queries {@code [first, end)} over one span, into the scratch's span results. */
    private void attendSpan(
            AttentionScratch mine, int sequence, int first, int end, int kvHead, int span) {
        int[] positions = pass.batch().positions();
        int[] blocks = pass.batch().blockTables()[sequence];
        mine.clearSpan(end - first);
        int lastPosition = positions[end - 1];
        int endPosition = Math.min((span + 1) * SPAN, lastPosition + 1);
        for (int start = span * SPAN; start < endPosition; start += CHUNK) {
            int n = Math.min(CHUNK, lastPosition + 1 - start);
            mine.load(cache, layer, kvHead, blocks, start, n, end - first);
            for (int t = first; t < end; t++) {
                int seen = Math.min(CHUNK, positions[t] + 1 - start);
                if (seen > 0) {
                    attendChunk(mine, t, t - first, kvHead, seen);
                }
            }
        }
    }

    private void attendChunk(AttentionScratch mine, int token, int row, int kvHead, int n) {
        int width = CpuForwardPass.qkvRows(pass.shape);
        for (int h = 0; h < group; ) {
            int heads = heads(group - h);
            int q = token * width + (kvHead * group + h) * headDim;
            mine.chunk(pass.qkv, q, headDim, row * group + h, heads, n, scale);
            h += heads;
        }
    }

    /** How many of the heads left a kernel takes at once. */
    private static int heads(int left) {
        return left >= 4 && left != 6 ? 4 : left >= 3 ? 3 : 1;
    }

    private void write(int token, int kvHead, float[] out, int at, float[] states, int statesAt) {
        for (int h = 0; h < group; h++) {
            float inverse = 1 / states[statesAt + 2 * h + 1];
            int target = (token * kvHeads * group + kvHead * group + h) * headDim;
            kernels.scale(out, at + h * stride, inverse, pass.attention, target, headDim);
        }
    }
}
