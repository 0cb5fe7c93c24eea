package io.chasqui.backend.cpu;

import io.chasqui.backend.BatchInvarianceContract;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.RandomModel;
import java.util.SplittableRandom;

/**
 * On the CPU: on one thread with scalar kernels, or on any number of threads with vectors of any
 * width.
 */
class BatchInvarianceTest extends BatchInvarianceContract {
    private static final int MAX_THREADS = 3;

    @Override
    protected int seeds() {
        return 24;
    }

    @Override
    protected RandomModel model(long seed, SplittableRandom random) {
        int headDim = new int[] {16, 32, 64, 48}[random.nextInt(4)];
        var shape =
                RandomModel.shape(
                        1 + random.nextInt(2),
                        32 + random.nextInt(33),
                        1 + random.nextInt(3),
                        1 + random.nextInt(4),
                        headDim,
                        20 + random.nextInt(60),
                        30);
        return new RandomModel(shape, seed, false);
    }

    @Override
    protected KvDType dtype(SplittableRandom random) {
        return random.nextBoolean() ? KvDType.BF16 : KvDType.F32;
    }

    @Override
    protected int longest() {
        return 700;
    }

    @Override
    protected int variants() {
        return MAX_THREADS;
    }

    @Override
    protected Loaded load(
            RandomModel random,
            KvDType dtype,
            int variant,
            int numBlocks,
            int blockSize,
            SplittableRandom choice) {
        boolean simple = variant == 0;
        int bits = simple ? 0 : choice.nextBoolean() ? 256 : 512;
        var backend = CpuBackend.create(simple ? 1 : variant, bits, simple);
        var weights = random.pack(backend);
        backend.allocateWorkspace(random.shape, MAX_TOKENS, MAX_TOKENS);
        var cache = backend.allocateKvCache(random.shape, dtype, numBlocks, blockSize);
        return new Loaded(backend, cache, random.model(weights, backend, cache));
    }
}
