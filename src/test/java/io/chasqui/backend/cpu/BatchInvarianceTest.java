package io.chasqui.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.chasqui.backend.KvCacheStorage;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.SamplerParams;
import io.chasqui.model.LlamaModel;
import io.chasqui.testing.TestSequence;
import io.chasqui.testing.TestSequence.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * A token's logits have the same bits however its step was made up: alone, one at a time, on one
 * thread with scalar kernels; or in chunks, among others, on any number of threads, in blocks
 * anywhere, with NaN in every block and slot that is not its own.
 */
class BatchInvarianceTest {
    private static final int SEQUENCES = 4;
    private static final int MAX_TOKENS = 200;

    /** What the test varies that must not matter. */
    private record Setting(int threads, int vectorBits, boolean scalar, int blockSize) {}

    @Test
    void logitsDoNotDependOnTheCompany() {
        for (long seed = 0; seed < 24; seed++) {
            var random = new SplittableRandom(seed);
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
            var dtype = random.nextBoolean() ? KvDType.BF16 : KvDType.F32;
            var model = new RandomModel(shape, seed);
            int[][] prompts = new int[SEQUENCES][];
            for (int s = 0; s < SEQUENCES; s++) {
                int length = 1 + random.nextInt(s == 0 ? 700 : 90);
                prompts[s] = random.ints(length, 0, shape.vocab()).toArray();
            }
            int[][][] alone = alone(model, prompts, dtype);
            for (int threads = 1; threads <= 3; threads++) {
                var setting =
                        new Setting(
                                threads,
                                random.nextBoolean() ? 256 : 512,
                                false,
                                1 << random.nextInt(7));
                int[][][] together = together(model, prompts, dtype, setting, random);
                for (int s = 0; s < SEQUENCES; s++) {
                    for (int t = 0; t < prompts[s].length; t++) {
                        assertArrayEquals(
                                alone[s][t],
                                together[s][t],
                                "seed %d, %s, %s, %s, sequence %d, token %d"
                                        .formatted(seed, shape, dtype, setting, s, t));
                    }
                }
            }
        }
    }

    /** Bits of the logits, {@code [sequence][token][vocab]}. */
    private static int[][][] alone(RandomModel random, int[][] prompts, KvDType dtype) {
        int[][][] bits = new int[prompts.length][][];
        try (var model = load(random, new Setting(1, 0, true, 16), dtype, 64)) {
            for (int s = 0; s < prompts.length; s++) {
                bits[s] = new int[prompts[s].length][];
                var sequence = TestSequence.contiguous(prompts[s], 0, 1024, 16);
                for (int t = 0; t < prompts[s].length; t++) {
                    var batch =
                            TestSequence.batch(
                                    SamplerParams.GREEDY, -1, Slice.lastRow(sequence, 1));
                    bits[s][t] = bits(model.logits(batch)[0]);
                }
            }
        }
        return bits;
    }

    private static int[][][] together(
            RandomModel random,
            int[][] prompts,
            KvDType dtype,
            Setting setting,
            SplittableRandom choice) {
        int perSequence = 1024 / setting.blockSize;
        int numBlocks = perSequence * prompts.length;
        int[] blocks = TestSequence.shuffledBlocks(numBlocks, choice);
        int[][][] bits = new int[prompts.length][][];
        List<TestSequence> sequences = new ArrayList<>();
        for (int s = 0; s < prompts.length; s++) {
            int[] own = Arrays.copyOfRange(blocks, s * perSequence, (s + 1) * perSequence);
            sequences.add(new TestSequence(prompts[s], own, setting.blockSize));
            bits[s] = new int[prompts[s].length][];
        }
        try (var model = load(random, setting, dtype, numBlocks)) {
            for (int block = 0; block < numBlocks; block++) {
                model.cache.poison(block);
            }
            while (sequences.stream().anyMatch(s -> s.pending() > 0)) {
                step(model, sequences, bits, choice);
            }
        }
        return bits;
    }

    /** A step over some of the sequences, some tokens each. */
    private static void step(
            Loaded model, List<TestSequence> sequences, int[][][] bits, SplittableRandom choice) {
        List<Slice> slices = new ArrayList<>();
        List<int[]> rows = new ArrayList<>();
        int left = MAX_TOKENS;
        for (int s = 0; s < sequences.size(); s++) {
            var sequence = sequences.get(s);
            int most = Math.min(left, sequence.pending());
            if (most == 0 || choice.nextInt(4) == 0) {
                continue;
            }
            int count = choice.nextInt(3) == 0 ? 1 : 1 + choice.nextInt(most);
            for (int i = 0; i < count; i++) {
                rows.add(new int[] {s, sequence.computed() + i});
            }
            slices.add(Slice.everyRow(sequence, count));
            left -= count;
        }
        if (slices.isEmpty()) {
            return;
        }
        var batch = TestSequence.batch(SamplerParams.GREEDY, -1, slices.toArray(Slice[]::new));
        float[][] logits = model.logits(batch);
        for (int r = 0; r < logits.length; r++) {
            bits[rows.get(r)[0]][rows.get(r)[1]] = bits(logits[r]);
        }
    }

    private record Loaded(CpuBackend backend, KvCacheStorage cache, LlamaModel model)
            implements AutoCloseable {
        float[][] logits(io.chasqui.backend.ForwardBatch batch) {
            return backend.readLogits(model.forward(batch));
        }

        @Override
        public void close() {
            model.close();
        }
    }

    private static Loaded load(RandomModel random, Setting setting, KvDType dtype, int numBlocks) {
        var backend = CpuBackend.create(setting.threads, setting.vectorBits, setting.scalar);
        var weights = random.pack(backend);
        backend.allocateWorkspace(random.shape, MAX_TOKENS, MAX_TOKENS);
        var cache = backend.allocateKvCache(random.shape, dtype, numBlocks, setting.blockSize);
        var model = random.model(weights, backend, cache);
        return new Loaded(backend, cache, model);
    }

    private static int[] bits(float[] x) {
        int[] bits = new int[x.length];
        for (int i = 0; i < x.length; i++) {
            bits[i] = Float.floatToRawIntBits(x[i]);
        }
        return bits;
    }
}
