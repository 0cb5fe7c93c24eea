package io.chasqui.backend.cuda;

/**
 * The tiles in which matrix products are made: for each stage there is a kernel of each, named
 * {@code <stage>_<rows>x<tokens>}. They differ in speed only. Sizes, threads and shared memory are
 * those of {@code gemm.cuh}, where they are explained.
 */
enum GemmTile {
    FEW_TOKENS(16, 8, 2, 4, 4),
    SOME_TOKENS(32, 32, 8, 2, 6),
    MANY_TOKENS(64, 64, 8, 1, 6),
    LARGE(128, 128, 4, 1, 3);

    private static final int WARP = 32;

    /** Bytes of 64 elements. */
    private static final int LINE_BYTES = 128;

    private final int rows;
    private final int tokens;
    private final int warps;
    private final int stageLines;

    GemmTile(int rows, int tokens, int warps, int columnTiles, int stages) {
        this.rows = rows;
        this.tokens = tokens;
        this.warps = warps;
        this.stageLines = stages * columnTiles * (rows + tokens);
    }

    /**
     * The tile that suits a product.
     *
     * @param rows of the matrix
     * @param tokens of the step, or rows of logits
     * @param multiprocessors to keep busy
     */
    static GemmTile of(int rows, int tokens, int multiprocessors) {
        if (tokens <= FEW_TOKENS.tokens) {
            return FEW_TOKENS;
        }
        if (tokens <= SOME_TOKENS.tokens) {
            return SOME_TOKENS;
        }
        boolean occupied = LARGE.columns(rows) * LARGE.rows(tokens) >= multiprocessors;
        return tokens > MANY_TOKENS.tokens && occupied ? LARGE : MANY_TOKENS;
    }

    /** The kernel of a stage. */
    String kernel(String stage) {
        return stage + "_" + rows + "x" + tokens;
    }

    /** Blocks along x for so many rows of a matrix. */
    int columns(int matrixRows) {
        return Math.ceilDiv(matrixRows, rows);
    }

    /** Blocks along y for so many tokens. */
    int rows(int stepTokens) {
        return Math.ceilDiv(stepTokens, tokens);
    }

    int threads() {
        return warps * WARP;
    }

    /** The ring of stages, and a scale for each token. */
    int sharedBytes() {
        return stageLines * LINE_BYTES + tokens * Float.BYTES;
    }
}
