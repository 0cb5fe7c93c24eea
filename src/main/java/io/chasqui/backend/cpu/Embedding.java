package io.chasqui.backend.cpu;

/**
 * Looks up the embedding of each token, and the rotation of its position for the layers to come.
 */
final class Embedding {
    private static final int GRAIN = 4;

    private final WorkerPool pool;
    private final WorkerPool.Region lookUp = this::lookUp;

    private CpuForwardPass pass;
    private PackedMatrix table;

    Embedding(WorkerPool pool) {
        this.pool = pool;
    }

    void run(CpuForwardPass forward, PackedMatrix embedding) {
        pass = forward;
        table = embedding;
        pool.run(forward.tokens(), GRAIN, lookUp);
    }

    private void lookUp(int worker, int from, int to) {
        var batch = pass.batch();
        var shape = pass.shape;
        int half = shape.headDim() / 2;
        for (int t = from; t < to; t++) {
            table.readRow(batch.tokens()[t], pass.residual, t * shape.hidden());
            Rope.angles(
                    batch.positions()[t], shape.inverseFrequencies(), pass.cos, pass.sin, t * half);
        }
    }
}
