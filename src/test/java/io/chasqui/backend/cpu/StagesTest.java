package io.chasqui.backend.cpu;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.RandomModel;
import io.chasqui.backend.StagesContract;
import java.util.SplittableRandom;

/** On the CPU, with vectors of both widths and one to three threads. */
class StagesTest extends StagesContract {
    private static final int[] HEAD_DIMS = {8, 16, 64, 80, 128};
    private static final int[] GROUPS = {1, 2, 3, 4, 5, 6, 7, 8};
    private static final int[] BLOCK_SIZES = {1, 4, 16, 32, 64};

    @Override
    protected int seeds() {
        return 40;
    }

    @Override
    protected RandomModel model(long seed, SplittableRandom random) {
        var shape =
                RandomModel.shape(
                        1 + random.nextInt(2),
                        16 + random.nextInt(60),
                        1 + random.nextInt(3),
                        GROUPS[(int) seed % GROUPS.length],
                        HEAD_DIMS[(int) seed % HEAD_DIMS.length],
                        10 + random.nextInt(90),
                        20 + random.nextInt(50));
        return new RandomModel(shape, seed, false);
    }

    @Override
    protected KvDType dtype(SplittableRandom random) {
        return random.nextInt(3) == 0 ? KvDType.BF16 : KvDType.F32;
    }

    @Override
    protected int blockSize(SplittableRandom random) {
        return BLOCK_SIZES[random.nextInt(BLOCK_SIZES.length)];
    }

    @Override
    protected int length(long seed, SplittableRandom random) {
        return 1 + random.nextInt(seed % 4 == 0 ? 600 : 100);
    }

    @Override
    protected double tolerance(KvDType dtype) {
        return dtype == KvDType.F32 ? 1e-5 : 3e-2;
    }

    @Override
    protected Activations run(Trial trial, ForwardBatch batch, SplittableRandom random) {
        var shape = trial.model().shape;
        int tokens = batch.numTokens();
        int bits = random.nextBoolean() ? 256 : 512;
        var backend = CpuBackend.create(1 + random.nextInt(3), bits, false);
        var weights = trial.model().pack(backend);
        backend.allocateWorkspace(shape, tokens, tokens);
        var cache =
                backend.allocateKvCache(shape, trial.dtype(), trial.numBlocks(), trial.blockSize());
        try (var model = trial.model().model(weights, backend, cache)) {
            var pass = (CpuForwardPass) model.forward(batch);
            return new Activations(
                    queries(pass), pass.attention, pass.inner, pass.residual, pass.logits);
        }
    }

    private static float[] queries(CpuForwardPass pass) {
        int width = pass.shape.heads() * pass.shape.headDim();
        int stride = CpuForwardPass.qkvRows(pass.shape);
        float[] queries = new float[pass.tokens() * width];
        for (int t = 0; t < pass.tokens(); t++) {
            System.arraycopy(pass.qkv, t * stride, queries, t * width, width);
        }
        return queries;
    }
}
