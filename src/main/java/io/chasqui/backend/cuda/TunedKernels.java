package io.chasqui.backend.cuda;

import io.chasqui.backend.RankShape;
import java.util.EnumMap;
import java.util.Map;

/** The kernels that are made for speed. */
final class TunedKernels implements StageKernels {
    private static final int WARP = 32;
    private static final int EMBEDDING_THREADS = 256;
    private static final int ALL_REDUCE_THREADS = 512;
    private static final int ALL_REDUCE_BLOCKS = 36;
    private static final int SAMPLING_THREADS = 1024;

    /** Logits of a row that are worth another thread. */
    private static final int LOGITS_PER_THREAD = 64;

    private final Kernels kernels;
    private final RankShape shape;
    private final int multiprocessors;
    private final int residentBlocks;
    private final PlainKernels plain;
    private final Map<GemmTile, Kernel> qkvProjection;
    private final Map<GemmTile, Kernel> residualProjection;
    private final Map<GemmTile, Kernel> gateUp;
    private final Map<GemmTile, Kernel> lmHead;

    /**
     * @param multiprocessors to keep busy
     * @param residentBlocks blocks that certainly run at the same time, on every rank
     */
    TunedKernels(
            Kernels kernels,
            RankShape shape,
            int multiprocessors,
            int residentBlocks,
            PlainKernels plain) {
        this.kernels = kernels;
        this.shape = shape;
        this.multiprocessors = multiprocessors;
        this.residentBlocks = residentBlocks;
        this.plain = plain;
        qkvProjection = products("qkv_projection");
        residualProjection = products("residual_projection");
        gateUp = products("gate_up");
        lmHead = products("lm_head");
    }

    private Map<GemmTile, Kernel> products(String stage) {
        var products = new EnumMap<GemmTile, Kernel>(GemmTile.class);
        for (var tile : GemmTile.values()) {
            products.put(tile, kernels.get(tile.kernel(stage)));
        }
        return products;
    }

    @Override
    public Launch embedding(int tokens) {
        int threads = Math.min(EMBEDDING_THREADS, wholeWarps(hidden() / 4));
        return new Launch(kernels.get("embedding"), tokens, 1, threads, 0);
    }

    @Override
    public Launch qkvProjection(int rows, int tokens) {
        return product(qkvProjection, rows, tokens);
    }

    @Override
    public Launch pagedAttention() {
        var name = "paged_attention_" + headDim();
        if (!kernels.has(name)) {
            return plain.pagedAttention();
        }
        int blocks = AttentionPlanner.blocks(residentBlocks);
        int sharedBytes = AttentionPlanner.sharedBytes(headDim());
        return new Launch(kernels.get(name), blocks, 1, AttentionPlanner.THREADS, sharedBytes);
    }

    @Override
    public Launch attentionCombine() {
        var name = "attention_combine_" + headDim();
        if (!kernels.has(name)) {
            return plain.attentionCombine();
        }
        int blocks = AttentionPlanner.combineBlocks(residentBlocks);
        return new Launch(kernels.get(name), blocks, 1, AttentionPlanner.COMBINE_THREADS, 0);
    }

    @Override
    public Launch residualProjection(int rows, int tokens) {
        return product(residualProjection, rows, tokens);
    }

    /** Blocks wait for those of other ranks, so all must run at the same time. */
    @Override
    public Launch allReduce(int tokens) {
        int wanted =
                Math.toIntExact(Math.ceilDiv((long) tokens * hidden() / 4, ALL_REDUCE_THREADS));
        int blocks = Math.min(wanted, Math.min(residentBlocks, ALL_REDUCE_BLOCKS));
        return new Launch(kernels.get("all_reduce"), blocks, 1, ALL_REDUCE_THREADS, 0);
    }

    @Override
    public Launch gateUp(int rows, int tokens) {
        return product(gateUp, rows, tokens);
    }

    @Override
    public Launch lmHead(int rows, int logits) {
        return product(lmHead, rows, logits);
    }

    @Override
    public Launch sampling(int logits) {
        int vocab = shape.model().vocab();
        int threads =
                Math.min(SAMPLING_THREADS, wholeWarps(Math.ceilDiv(vocab, LOGITS_PER_THREAD)));
        return new Launch(kernels.get("sampling"), logits, 1, threads, 0);
    }

    private int headDim() {
        return shape.model().headDim();
    }

    private Launch product(Map<GemmTile, Kernel> products, int rows, int tokens) {
        var tile = GemmTile.of(rows, tokens, multiprocessors);
        return new Launch(
                products.get(tile),
                tile.columns(rows),
                tile.rows(tokens),
                tile.threads(),
                tile.sharedBytes());
    }

    private int hidden() {
        return shape.model().hidden();
    }

    private static int wholeWarps(int threads) {
        return Math.ceilDiv(threads, WARP) * WARP;
    }
}
