package io.chasqui.backend.cuda;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.RandomModel;
import io.chasqui.backend.StagesContract;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.function.Function;
import org.junit.jupiter.api.Nested;

/** On emulated GPUs: tuned and plain kernels, one to four ranks. */
class CudaStagesTest {
    private static final int[] HEAD_DIMS = {64, 128, 16, 32};
    private static final int[] BLOCK_SIZES = {16, 1, 32, 8, 64};

    @Nested
    class OneRank extends Contract {
        OneRank() {
            super(1, EmulatedBackends.USUAL, 12);
        }
    }

    @Nested
    class PlainKernels extends Contract {
        PlainKernels() {
            super(1, new CudaOptions(0.9, true, true), 4);
        }
    }

    @Nested
    class TwoRanks extends Contract {
        TwoRanks() {
            super(2, EmulatedBackends.USUAL, 6);
        }
    }

    @Nested
    class FourRanks extends Contract {
        FourRanks() {
            super(4, EmulatedBackends.USUAL, 6);
        }
    }

    abstract static class Contract extends StagesContract {
        private final int ranks;
        private final CudaOptions options;
        private final int seeds;

        Contract(int ranks, CudaOptions options, int seeds) {
            this.ranks = ranks;
            this.options = options;
            this.seeds = seeds;
        }

        @Override
        protected int seeds() {
            return seeds;
        }

        @Override
        protected RandomModel model(long seed, SplittableRandom random) {
            int kvHeads = 1 + random.nextInt(3);
            if (ranks > 1) {
                kvHeads = 1 << random.nextInt(3);
            }
            int heads = kvHeads * (1 + random.nextInt(4));
            var shape =
                    RandomModel.shape(
                            1 + random.nextInt(2),
                            16 * (1 + random.nextInt(6)),
                            kvHeads,
                            Math.ceilDiv(heads, kvHeads * ranks) * ranks,
                            HEAD_DIMS[(int) seed % HEAD_DIMS.length],
                            8 * ranks * (1 + random.nextInt(12)),
                            20 + random.nextInt(150));
            return new RandomModel(shape, seed, true);
        }

        @Override
        protected KvDType dtype(SplittableRandom random) {
            return KvDType.BF16;
        }

        @Override
        protected int blockSize(SplittableRandom random) {
            return BLOCK_SIZES[random.nextInt(BLOCK_SIZES.length)];
        }

        @Override
        protected int length(long seed, SplittableRandom random) {
            return 1 + random.nextInt(seed % 4 == 0 ? 300 : 40);
        }

        @Override
        protected double tolerance(KvDType dtype) {
            return 6e-2;
        }

        @Override
        protected double meanTolerance(KvDType dtype) {
            return 2e-2;
        }

        @Override
        protected Activations run(Trial trial, ForwardBatch batch, SplittableRandom random) {
            var shape = trial.model().shape;
            int tokens = batch.numTokens();
            var backend = EmulatedBackends.create(ranks, options);
            CudaEmulator.load().setSeed(random.nextInt(100));
            var weights = trial.model().pack(backend);
            backend.allocateWorkspace(shape, tokens, tokens);
            var cache =
                    backend.allocateKvCache(
                            shape, trial.dtype(), trial.numBlocks(), trial.blockSize());
            try (var model = trial.model().model(weights, backend, cache)) {
                var pass = model.forward(batch);
                float[][] logits = backend.readLogits(pass);
                return new Activations(
                        gather(backend, tokens, w -> w.queries, r -> r.shape().attention()),
                        gather(backend, tokens, w -> w.attention, r -> r.shape().attention()),
                        gather(backend, tokens, w -> w.inner, r -> r.shape().ffn()),
                        backend.readResidual(pass),
                        flat(logits));
            }
        }

        /** Activations of all ranks, those of a token side by side. */
        private static float[] gather(
                CudaBackend backend,
                int tokens,
                Function<Workspace, DeviceMemory> buffer,
                Function<CudaRank, Integer> widthOf) {
            int ranks = backend.ranks().size();
            int width = widthOf.apply(backend.ranks().first());
            float[] all = new float[tokens * width * ranks];
            for (int r = 0; r < ranks; r++) {
                var rank = backend.ranks().list().get(r);
                short[] part = read(rank, buffer.apply(rank.workspace()), tokens * width);
                for (int t = 0; t < tokens; t++) {
                    for (int i = 0; i < width; i++) {
                        all[(t * ranks + r) * width + i] = Bf16.toFloat(part[t * width + i]);
                    }
                }
            }
            return all;
        }

        private static short[] read(CudaRank rank, DeviceMemory memory, int count) {
            try (var arena = Arena.ofShared()) {
                MemorySegment host = arena.allocate(ValueLayout.JAVA_SHORT, count);
                rank.device().run(() -> memory.read(0, host));
                return host.toArray(ValueLayout.JAVA_SHORT);
            }
        }

        private static float[] flat(float[][] rows) {
            float[] all = new float[rows.length * rows[0].length];
            for (int r = 0; r < rows.length; r++) {
                System.arraycopy(rows[r], 0, all, r * rows[r].length, rows[r].length);
            }
            return all;
        }
    }
}
