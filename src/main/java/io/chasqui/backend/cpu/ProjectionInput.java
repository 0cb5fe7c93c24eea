package io.chasqui.backend.cpu;

/**
 * Prepares the input of a product: RMSNorm where the stage begins with one, then the layout the
 * matrix kernels read. A few tokens are prepared by the caller before the region, which costs less
 * than a barrier; many are a region of their own.
 */
final class ProjectionInput {
    /** Elements that one thread prepares in about the time that a region costs. */
    private static final int SERIAL_ELEMENTS = 8192;

    private final Kernels kernels;
    private final WorkerPool pool;
    private final WorkerPool.Region prepare = this::prepare;

    private PackedActivations packed;
    private int tokens;
    private int columns;
    private float[] input;
    private float[] norm;
    private float[] normed;
    private float eps;

    ProjectionInput(Kernels kernels, WorkerPool pool) {
        this.kernels = kernels;
        this.pool = pool;
    }

    /** Packs rows of {@code x} as they are. */
    void pack(CpuForwardPass pass, float[] x, int rows, int width) {
        norm = null;
        input = x;
        run(pass, rows, width);
    }

    /** Packs rmsnorm(x) · weight. */
    void packNormed(CpuForwardPass pass, float[] x, int rows, float[] weight) {
        norm = weight;
        normed = pass.normed;
        eps = pass.shape.normEps();
        input = x;
        run(pass, rows, weight.length);
    }

    private void run(CpuForwardPass pass, int rows, int width) {
        tokens = rows;
        columns = width;
        packed = pass.packed;
        packed.begin(rows, width);
        if ((long) rows * width <= SERIAL_ELEMENTS) {
            prepare(0, 0, packed.groups());
        } else {
            pool.run(packed.groups(), 1, prepare);
        }
    }

    private void prepare(int worker, int group0, int group1) {
        if (norm == null) {
            packed.pack(input, group0, group1);
            return;
        }
        int end = Math.min(group1 * packed.width(), tokens);
        for (int t = group0 * packed.width(); t < end; t++) {
            RmsNorm.apply(kernels, input, t * columns, norm, eps, normed, t * columns);
        }
        packed.pack(normed, group0, group1);
    }
}
