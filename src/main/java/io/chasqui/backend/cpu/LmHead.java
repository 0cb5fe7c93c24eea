package io.chasqui.backend.cpu;

/** Logits of the wanted rows. */
final class LmHead {
    private final WorkerPool pool;
    private final Linear linear;
    private final ProjectionInput input;
    private final WorkerPool.Region project = this::project;

    private CpuForwardPass pass;
    private PackedMatrix weights;

    LmHead(WorkerPool pool, Linear linear, ProjectionInput input) {
        this.pool = pool;
        this.linear = linear;
        this.input = input;
    }

    void run(CpuForwardPass forward, CpuVector norm, PackedMatrix head) {
        pass = forward;
        weights = head;
        gatherRows(forward);
        input.packNormed(forward, forward.rowInput, forward.rows(), norm.values());
        pool.run(head.tiles(), 1, project);
    }

    private static void gatherRows(CpuForwardPass pass) {
        int hidden = pass.shape.hidden();
        var rows = pass.batch().rows();
        for (int i = 0; i < rows.length; i++) {
            System.arraycopy(
                    pass.residual,
                    rows[i].tokenIndex() * hidden,
                    pass.rowInput,
                    i * hidden,
                    hidden);
        }
    }

    private void project(int worker, int from, int to) {
        linear.multiply(worker, weights, pass.packed, from, to, pass.logits);
    }
}
