package io.chasqui.backend.cpu;

/** residual += attention · weightsᵀ. */
final class OutputProjection {
    private final WorkerPool pool;
    private final Linear linear;
    private final ProjectionInput input;
    private final WorkerPool.Region project = this::project;

    private CpuForwardPass pass;
    private PackedMatrix weights;

    OutputProjection(WorkerPool pool, Linear linear, ProjectionInput input) {
        this.pool = pool;
        this.linear = linear;
        this.input = input;
    }

    void run(CpuForwardPass forward, PackedMatrix output) {
        pass = forward;
        weights = output;
        input.pack(forward, forward.attention, forward.tokens(), output.columns());
        pool.run(output.tiles(), 1, project);
    }

    private void project(int worker, int from, int to) {
        linear.multiplyAdd(worker, weights, pass.packed, from, to, pass.residual);
    }
}
