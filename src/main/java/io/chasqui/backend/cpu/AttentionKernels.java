package io.chasqui.backend.cpu;

import io.chasqui.backend.KvDType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.VectorSpecies;

/**
 * The two products of attention over a chunk of keys and values, which are read as they are stored.
 * BF16 is widened without loss, so the bits do not depend on when that happens.
 */
interface AttentionKernels {
    /** Kernels on vectors of that width. */
    static AttentionKernels vector(VectorSpecies<Float> species, KvDType dtype) {
        return WidthTemplate.instantiate(
                VectorAttentionKernels.class, new VectorAttentionKernels.Variant(species, dtype));
    }

    /**
     * Dot products of the queries of a group with a chunk of keys: {@code scores[h · CHUNK + j]},
     * each one chain over the head's elements. Scores past the last wanted position, up to a
     * multiple of 32, are meaningless.
     *
     * @param heads 1, 3 or 4 heads, {@code q} holding them {@code headDim} apart
     * @param tiles byte offset of each 16-position tile {@code [headDim][16]} of keys; entries
     *     beyond {@code tileCount} up to an even number repeat a valid one
     */
    void scores(
            int heads,
            float[] q,
            int qAt,
            int headDim,
            MemorySegment keys,
            long[] tiles,
            int tileCount,
            float[] scores,
            int scoresAt);

    /**
     * {@code out[h · stride + d] = out · correction[h] + Σ p[h · CHUNK + j] · value[j][d]} over j
     * in {@code [0, n)}, one chain upwards; n &gt; 0.
     *
     * @param heads 1, 3 or 4 heads
     * @param tiles byte offset of each 16-position tile {@code [16][stride]} of values
     */
    void accumulate(
            int heads,
            float[] p,
            int pAt,
            int n,
            MemorySegment values,
            long[] tiles,
            int stride,
            float[] correction,
            int correctionAt,
            float[] out,
            int outAt);
}
