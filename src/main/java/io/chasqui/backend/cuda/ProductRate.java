package io.chasqui.backend.cuda;

import io.chasqui.backend.DecoderStages;
import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LinearRole;
import io.chasqui.backend.LinearWeights;
import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.ModelShape;
import io.chasqui.backend.VectorWeights;
import io.chasqui.loader.LinearSource;
import io.chasqui.loader.TensorView;
import io.chasqui.quant.DType;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalLong;

/**
 * How fast a GPU multiplies with the kernels of this backend: gate and up projection, from a square
 * matrix and as many tokens, all of random numbers.
 *
 * @param size rows, columns and tokens
 * @param flopsPerSecond multiplications and additions, both counted; the median of several samples
 */
public record ProductRate(int size, double flopsPerSecond) {
    private static final int SAMPLES = 9;
    private static final int PRODUCTS_PER_SAMPLE = 4;
    private static final int HEAD_DIM = 16;

    /**
     * Measures a GPU that {@link CudaProbe} has found usable.
     *
     * @param size a multiple of 32
     */
    public static ProductRate measure(int ordinal, int size) {
        return measure(ordinal, size, KernelModules.ofJar().orElseThrow());
    }

    static ProductRate measure(int ordinal, int size, KernelModules images) {
        var options = new CudaOptions(1, false, false);
        try (var backend = CudaBackend.create(List.of(ordinal), options, images)) {
            var shape = shape(size);
            backend.allocateWorkspace(shape, size, 1);
            var table = noise(backend, shape, LinearRole.EMBEDDING);
            var matrix = noise(backend, shape, LinearRole.GATE_UP);
            var ones = new float[size];
            Arrays.fill(ones, 1);
            var sampler = new Sampler(backend, table, backend.packVector(ones), matrix);
            ((CudaForwardPass) backend.forward(batch(size), sampler::run)).launch().await();
            double seconds = sampler.median() / 1e9 / PRODUCTS_PER_SAMPLE;
            return new ProductRate(size, 2.0 * size * size * size / seconds);
        }
    }

    private static ModelShape shape(int size) {
        int heads = size / HEAD_DIM;
        return new ModelShape(
                1, size, heads, heads, HEAD_DIM, size / 2, size, 1e-5f, new float[HEAD_DIM / 2]);
    }

    private static LinearWeights noise(CudaBackend backend, ModelShape shape, LinearRole role) {
        long size = shape.hidden();
        var tensor =
                new TensorView(
                        role.name(),
                        DType.BF16,
                        List.of(size, size),
                        () -> {
                            throw new IllegalStateException("made on the device");
                        },
                        OptionalLong.of(role.ordinal() * size * size));
        return backend.packLinear(shape, role, List.of(LinearSource.of(tensor)));
    }

    /** One sequence of all tokens there are. */
    private static ForwardBatch batch(int size) {
        var ids = new int[size];
        Arrays.setAll(ids, i -> i);
        return new ForwardBatch(
                ids,
                ids,
                ids,
                new int[] {0, size},
                new int[] {size},
                new int[][] {{0}},
                new LogitsRow[0]);
    }

    /** Takes samples on the device's thread. */
    private record Sampler(
            CudaBackend backend,
            LinearWeights table,
            VectorWeights norm,
            LinearWeights matrix,
            long[] nanos) {

        Sampler(
                CudaBackend backend,
                LinearWeights table,
                VectorWeights norm,
                LinearWeights matrix) {
            this(backend, table, norm, matrix, new long[SAMPLES]);
        }

        void run(DecoderStages stages) {
            stages.embed(table, norm);
            sample(stages);
            Arrays.setAll(nanos, _ -> sample(stages));
            Arrays.sort(nanos);
        }

        private long sample(DecoderStages stages) {
            var device = backend.ranks().first().device();
            device.synchronize();
            long begin = System.nanoTime();
            for (int i = 0; i < PRODUCTS_PER_SAMPLE; i++) {
                stages.gateUp(matrix);
            }
            device.synchronize();
            return System.nanoTime() - begin;
        }

        double median() {
            return nanos[SAMPLES / 2];
        }
    }
}
