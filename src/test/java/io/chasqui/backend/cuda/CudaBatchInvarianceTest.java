package io.chasqui.backend.cuda;

import io.chasqui.backend.BatchInvarianceContract;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.RandomModel;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Nested;

/**
 * On emulated GPUs: without graphs, threads in order; or with graphs, threads in any order, on GPUs
 * of any size, so that attention is shared out otherwise.
 */
class CudaBatchInvarianceTest {
    private static final int[] HEAD_DIMS = {64, 16, 128};
    private static final int[] MULTIPROCESSORS = {4, 1, 132};

    @Nested
    class OneRank extends Contract {
        OneRank() {
            super(1, 3);
        }
    }

    @Nested
    class TwoRanks extends Contract {
        TwoRanks() {
            super(2, 1);
        }
    }

    abstract static class Contract extends BatchInvarianceContract {
        private final int ranks;
        private final int seeds;

        Contract(int ranks, int seeds) {
            this.ranks = ranks;
            this.seeds = seeds;
        }

        @Override
        protected int seeds() {
            return seeds;
        }

        @Override
        protected RandomModel model(long seed, SplittableRandom random) {
            var shape =
                    RandomModel.shape(
                            1,
                            16 * (1 + random.nextInt(3)),
                            ranks,
                            1 + random.nextInt(3),
                            HEAD_DIMS[(int) seed % HEAD_DIMS.length],
                            8 * ranks * (1 + random.nextInt(4)),
                            30);
            return new RandomModel(shape, seed, true);
        }

        @Override
        protected KvDType dtype(SplittableRandom random) {
            return KvDType.BF16;
        }

        @Override
        protected int longest() {
            return 600;
        }

        @Override
        protected int variants() {
            return MULTIPROCESSORS.length - 1;
        }

        @Override
        protected Loaded load(
                RandomModel random,
                KvDType dtype,
                int variant,
                int numBlocks,
                int blockSize,
                SplittableRandom choice) {
            var emulator = CudaEmulator.load();
            emulator.reset(ranks, 1 << 30);
            emulator.setMultiprocessors(MULTIPROCESSORS[variant]);
            emulator.setSeed(variant);
            var backend = EmulatedBackends.open(ranks, new CudaOptions(0.9, variant > 0, false));
            var weights = random.pack(backend);
            backend.allocateWorkspace(random.shape, MAX_TOKENS, MAX_TOKENS);
            var cache = backend.allocateKvCache(random.shape, dtype, numBlocks, blockSize);
            return new Loaded(backend, cache, random.model(weights, backend, cache));
        }
    }
}
