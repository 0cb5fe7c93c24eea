package io.chasqui.backend;

import java.util.List;

/**
 * What one of several devices holds of a model that is divided over them by tensor parallelism:
 * whole heads with their KV heads (held by several ranks when there are fewer than ranks), a share
 * of the feed-forward block's inner width, a share of the vocabulary, and the residual stream
 * whole.
 *
 * @param model the whole model
 * @param ranks devices it is divided over
 */
public record RankShape(ModelShape model, int ranks) {
    /** Layer of matrices outside the layers. */
    public static final int NO_LAYER = -1;

    /** Shards of gate and up are whole groups of so many rows. */
    private static final int FFN_GROUP = 8;

    /** Rows of a shard of the vocabulary are rounded up to a multiple of it. */
    private static final int VOCAB_GROUP = 64;

    /**
     * A matrix of one rank.
     *
     * @param rows output features
     * @param columns input features
     */
    public record Matrix(LinearRole role, int rows, int columns) {}

    /** What a matrix takes. */
    @FunctionalInterface
    public interface MatrixSize {
        /**
         * @param layer its layer, or {@link #NO_LAYER}
         */
        long of(Matrix matrix, int layer);
    }

    /**
     * @throws IllegalArgumentException if the model cannot be divided so; the message says why
     */
    public RankShape {
        check(ranks >= 1 && Integer.bitCount(ranks) == 1, ranks + " ranks are no power of two");
        check(
                model.heads() % ranks == 0,
                model.heads() + " query heads do not divide among " + ranks + " ranks");
        check(
                model.kvHeads() % ranks == 0 || ranks % model.kvHeads() == 0,
                model.kvHeads() + " KV heads do not divide among " + ranks + " ranks");
        check(
                ranks == 1 || model.ffn() % (ranks * FFN_GROUP) == 0,
                "a feed-forward width of %d does not divide among %d ranks in groups of %d"
                        .formatted(model.ffn(), ranks, FFN_GROUP));
    }

    private static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException(otherwise);
        }
    }

    /** Query heads. */
    public int heads() {
        return model.heads() / ranks;
    }

    /** Key and value heads. */
    public int kvHeads() {
        return Math.max(1, model.kvHeads() / ranks);
    }

    /** Inner width of the feed-forward block. */
    public int ffn() {
        return model.ffn() / ranks;
    }

    /** Rows of embedding and head; with several ranks, those that round it up included. */
    public int vocab() {
        int share = Math.ceilDiv(model.vocab(), ranks);
        return ranks == 1 ? share : Math.ceilDiv(share, VOCAB_GROUP) * VOCAB_GROUP;
    }

    /** Width of queries and attention output. */
    public int attention() {
        return heads() * model.headDim();
    }

    /**
     * Sum of the sizes of all its matrices.
     *
     * @param tiedHead whether the output head is the embedding
     */
    public long total(boolean tiedHead, MatrixSize size) {
        long total = size.of(vocabulary(LinearRole.EMBEDDING), NO_LAYER);
        for (int layer = 0; layer < model.layers(); layer++) {
            for (var matrix : layerMatrices()) {
                total += size.of(matrix, layer);
            }
        }
        return tiedHead ? total : total + size.of(vocabulary(LinearRole.HEAD), NO_LAYER);
    }

    private Matrix vocabulary(LinearRole role) {
        return new Matrix(role, vocab(), model.hidden());
    }

    private List<Matrix> layerMatrices() {
        int kv = kvHeads() * model.headDim();
        return List.of(
                new Matrix(LinearRole.QKV, attention() + 2 * kv, model.hidden()),
                new Matrix(LinearRole.ATTENTION_OUTPUT, model.hidden(), attention()),
                new Matrix(LinearRole.GATE_UP, 2 * ffn(), model.hidden()),
                new Matrix(LinearRole.DOWN, model.hidden(), ffn()));
    }

    /** Weights of all norms, which every rank holds whole. */
    public long normElements() {
        return (2L * model.layers() + 1) * model.hidden();
    }

    /** Elements of the keys and values of one token in all layers. */
    public long kvElementsPerToken() {
        return 2L * model.layers() * kvHeads() * model.headDim();
    }
}
