package io.chasqui.backend.cpu;

/**
 * The gated feed-forward block in two stages. Gate and up rows of equal index lie in tiles of equal
 * offset, so the worker that computed both also applies SwiGLU to them.
 */
final class FeedForward {
    private final Kernels kernels;
    private final WorkerPool pool;
    private final Linear linear;
    private final ProjectionInput input;
    private final WorkerPool.Region gateUpPairs = this::gateUpPairs;
    private final WorkerPool.Region gateUpTiles = this::gateUpTiles;
    private final WorkerPool.Region activate = this::activate;
    private final WorkerPool.Region down = this::down;

    private CpuForwardPass pass;
    private PackedMatrix weights;
    private int upTile;

    FeedForward(Kernels kernels, WorkerPool pool, Linear linear, ProjectionInput input) {
        this.kernels = kernels;
        this.pool = pool;
        this.linear = linear;
        this.input = input;
    }

    void gateUp(CpuForwardPass forward, CpuVector norm, PackedMatrix gateUp) {
        pass = forward;
        weights = gateUp;
        upTile = tileStartingAt(gateUp, forward.shape.ffn());
        input.packNormed(forward, forward.residual, forward.tokens(), norm.values());
        if (upTile > 0) {
            pool.run(upTile, 1, gateUpPairs);
        } else {
            pool.run(gateUp.tiles(), 1, gateUpTiles);
            pool.run(forward.tokens(), 1, activate);
        }
    }

    /** The tile whose first row is {@code row}, or -1 when none is. */
    private static int tileStartingAt(PackedMatrix matrix, int row) {
        for (var part : matrix.parts()) {
            int inPart = row - part.firstRow();
            if (inPart >= 0 && inPart < part.rows() && inPart % PackedMatrix.TILE_ROWS == 0) {
                return part.firstTile() + inPart / PackedMatrix.TILE_ROWS;
            }
        }
        return -1;
    }

    private void gateUpPairs(int worker, int from, int to) {
        linear.multiply(worker, weights, pass.packed, from, to, pass.gateUp);
        linear.multiply(worker, weights, pass.packed, upTile + from, upTile + to, pass.gateUp);
        int first = from * PackedMatrix.TILE_ROWS;
        int end = Math.min(to * PackedMatrix.TILE_ROWS, pass.shape.ffn());
        for (int t = 0; t < pass.tokens(); t++) {
            swiGlu(t, first, end - first);
        }
    }

    private void gateUpTiles(int worker, int from, int to) {
        linear.multiply(worker, weights, pass.packed, from, to, pass.gateUp);
    }

    private void activate(int worker, int from, int to) {
        for (int t = from; t < to; t++) {
            swiGlu(t, 0, pass.shape.ffn());
        }
    }

    private void swiGlu(int token, int first, int n) {
        int ffn = pass.shape.ffn();
        int gate = token * 2 * ffn + first;
        kernels.swiGlu(
                pass.gateUp, gate, pass.gateUp, gate + ffn, pass.inner, token * ffn + first, n);
    }

    void down(CpuForwardPass forward, PackedMatrix matrix) {
        pass = forward;
        weights = matrix;
        input.pack(forward, forward.inner, forward.tokens(), matrix.columns());
        pool.run(matrix.tiles(), 1, down);
    }

    private void down(int worker, int from, int to) {
        linear.multiplyAdd(worker, weights, pass.packed, from, to, pass.residual);
    }
}
