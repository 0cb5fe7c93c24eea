package io.chasqui.backend.cpu;

import io.chasqui.backend.KvDType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * What one worker needs for attention: a chunk of keys and values in F32, scores, and for a tile of
 * queries the running results of a span and of all spans so far.
 *
 * <p>A state is a pair (maximum, sum of exponentials) per query and head.
 */
final class AttentionScratch {
    private static final int CHUNK = PagedAttention.CHUNK;
    private static final int TILE = CpuKvCache.TILE;
    private static final int TILES = CHUNK / TILE;

    /** Results of the span under way, {@code [queries][group][stride]}, not yet divided by sums. */
    final float[] span;

    final float[] spanStates;

    /** Results of all spans folded so far, likewise. */
    final float[] total;

    final float[] totalStates;

    /** With fewer queries than this, BF16 is widened in the kernels and not beforehand. */
    private static final int MIN_QUERIES_TO_WIDEN = 4;

    private final Kernels kernels;
    private final AttentionKernels f32;
    private final AttentionKernels bf16;
    private final int group;
    private final int stride;
    private final float[] scores;
    private final float[] corrections;
    private final MemorySegment keys;
    private final MemorySegment values;
    private final long[] keyTiles = new long[TILES];
    private final long[] valueTiles = new long[TILES];
    private AttentionKernels loaded;
    private MemorySegment keySource;
    private MemorySegment valueSource;
    private int tiles;

    AttentionScratch(
            Kernels kernels,
            AttentionKernels f32,
            AttentionKernels bf16,
            int queries,
            int group,
            int stride) {
        this.kernels = kernels;
        this.f32 = f32;
        this.bf16 = bf16;
        this.group = group;
        this.stride = stride;
        span = new float[queries * group * stride];
        total = new float[queries * group * stride];
        spanStates = new float[queries * group * 2];
        totalStates = new float[queries * group * 2];
        scores = new float[4 * CHUNK];
        corrections = new float[4];
        var arena = Arena.ofAuto();
        keys = arena.allocate(4L * CHUNK * stride, 64);
        values = arena.allocate(4L * CHUNK * stride, 64);
    }

    /** Starts a span for {@code queries} queries. */
    void clearSpan(int queries) {
        Arrays.fill(span, 0, queries * group * stride, 0);
        for (int i = 0; i < queries * group; i++) {
            spanStates[2 * i] = Float.NEGATIVE_INFINITY;
            spanStates[2 * i + 1] = 0;
        }
    }

    /**
     * Makes the {@code n} positions from {@code start} on available as tiles: in place where the
     * cache holds them so, else gathered; BF16 widened if many queries will read it.
     */
    void load(
            CpuKvCache cache, int layer, int kvHead, int[] blocks, int start, int n, int queries) {
        tiles = Math.ceilDiv(n, TILE);
        loaded = f32;
        if (cache.width() < TILE) {
            gather(cache, layer, kvHead, blocks, start, n);
        } else {
            locate(cache, layer, kvHead, blocks, start);
            if (cache.dtype() == KvDType.BF16 && queries >= MIN_QUERIES_TO_WIDEN) {
                widen(cache);
            } else {
                keySource = cache.keys();
                valueSource = cache.values();
                loaded = cache.dtype() == KvDType.BF16 ? bf16 : f32;
            }
        }
        if (tiles % 2 == 1) {
            keyTiles[tiles] = keyTiles[tiles - 1];
        }
    }

    private void locate(CpuKvCache cache, int layer, int kvHead, int[] blocks, int start) {
        long tileBytes = (long) TILE * stride * cache.dtype().bytes();
        for (int i = 0; i < tiles; i++) {
            int position = start + i * TILE;
            int block = position / cache.blockSize();
            long head = cache.headOffset(layer, blocks[block], kvHead);
            long tile = position % cache.blockSize() / TILE;
            keyTiles[i] = head + tile * tileBytes;
            valueTiles[i] = head + tile * tileBytes;
        }
    }

    private void widen(CpuKvCache cache) {
        int elements = TILE * stride;
        for (int i = 0; i < tiles; i++) {
            long target = 4L * i * elements;
            kernels.widen(cache.keys(), keyTiles[i], keys, target, elements);
            kernels.widen(cache.values(), valueTiles[i], values, target, elements);
            keyTiles[i] = target;
            valueTiles[i] = target;
        }
        keySource = keys;
        valueSource = values;
    }

    /** For blocks smaller than a tile: element by element. */
    private void gather(CpuKvCache cache, int layer, int kvHead, int[] blocks, int start, int n) {
        for (int j = 0; j < n; j++) {
            int position = start + j;
            int block = blocks[position / cache.blockSize()];
            int slot = position % cache.blockSize();
            for (int d = 0; d < stride; d++) {
                keys.setAtIndex(
                        ValueLayout.JAVA_FLOAT,
                        (long) (j / TILE * stride + d) * TILE + j % TILE,
                        cache.key(layer, block, kvHead, slot, d));
                values.setAtIndex(
                        ValueLayout.JAVA_FLOAT,
                        (long) j * stride + d,
                        cache.value(layer, block, kvHead, slot, d));
            }
        }
        for (int i = 0; i < tiles; i++) {
            keyTiles[i] = 4L * i * TILE * stride;
            valueTiles[i] = keyTiles[i];
        }
        keySource = keys;
        valueSource = values;
    }

    /**
     * Adds the first {@code n} positions of the loaded chunk to the span results of {@code heads}
     * heads.
     *
     * @param row query and head, {@code query · group + head}
     */
    void chunk(float[] q, int qAt, int headDim, int row, int heads, int n, float scale) {
        int tileCount = Math.ceilDiv(n, TILE);
        loaded.scores(heads, q, qAt, headDim, keySource, keyTiles, tileCount, scores, 0);
        for (int h = 0; h < heads; h++) {
            corrections[h] = softmax(h * CHUNK, n, tileCount * TILE, scale, 2 * (row + h));
        }
        loaded.accumulate(
                heads,
                scores,
                0,
                n,
                valueSource,
                valueTiles,
                stride,
                corrections,
                0,
                span,
                row * stride);
    }

    /**
     * Turns scores into exponentials relative to the new maximum, updates the state and returns the
     * factor for what was summed up before.
     */
    private float softmax(int at, int n, int padded, float scale, int state) {
        for (int j = n; j < padded; j++) {
            scores[at + j] = Float.NEGATIVE_INFINITY;
        }
        float before = spanStates[state];
        float max = Math.max(before, kernels.max(scores, at, padded));
        kernels.exp(scores, at, max, scale, scores, at, padded);
        float correction = Exponential.exp((before - max) * scale);
        spanStates[state] = max;
        spanStates[state + 1] =
                Math.fma(spanStates[state + 1], correction, kernels.sum(scores, at, padded));
        return correction;
    }

    /** Folds the finished span of a query into its total. */
    void foldSpan(int query, boolean first, float scale) {
        int at = query * group * stride;
        int state = query * group * 2;
        if (first) {
            System.arraycopy(span, at, total, at, group * stride);
            System.arraycopy(spanStates, state, totalStates, state, group * 2);
            return;
        }
        for (int h = 0; h < group; h++, at += stride, state += 2) {
            float max = Math.max(totalStates[state], spanStates[state]);
            float a = Exponential.exp((totalStates[state] - max) * scale);
            float b = Exponential.exp((spanStates[state] - max) * scale);
            kernels.fold(total, at, a, span, at, b, stride);
            totalStates[state] = max;
            totalStates[state + 1] = Math.fma(spanStates[state + 1], b, totalStates[state + 1] * a);
        }
    }
}
