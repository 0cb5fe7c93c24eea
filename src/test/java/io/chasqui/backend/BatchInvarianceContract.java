package io.chasqui.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.chasqui.model.LlamaModel;
import io.chasqui.testing.TestSequence;
import io.chasqui.testing.TestSequence.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * A token's logits have the same bits however its step was made up: alone, one at a time, on a
 * backend set up as simply as can be; or in chunks, among others, on a backend set up otherwise, in
 * blocks anywhere, with NaN in every block and slot that is not its own.
 */
public abstract class BatchInvarianceContract {
    private static final int SEQUENCES = 4;
    private static final int SIMPLE_BLOCK_SIZE = 16;
    private static final int SIMPLE_BLOCKS = 64;

    /** Most tokens and rows of a step. */
    protected static final int MAX_TOKENS = 200;

    /** Room for each sequence. */
    private static final int MAX_LENGTH = SIMPLE_BLOCK_SIZE * SIMPLE_BLOCKS;

    /** A model loaded. */
    public record Loaded(Backend backend, KvCacheStorage cache, LlamaModel model)
            implements AutoCloseable {

        float[][] logits(ForwardBatch batch) {
            return backend.readLogits(model.forward(batch));
        }

        @Override
        public void close() {
            model.close();
        }
    }

    /** How many trials there are. */
    protected abstract int seeds();

    protected abstract RandomModel model(long seed, SplittableRandom random);

    protected abstract KvDType dtype(SplittableRandom random);

    /** Most tokens of the one long sequence. */
    protected abstract int longest();

    /** Set-ups of the backend to be compared with the simple one. */
    protected abstract int variants();

    /**
     * Loads a model on a backend.
     *
     * @param variant 0 for the simplest set-up, else up to {@link #variants()}
     */
    protected abstract Loaded load(
            RandomModel model,
            KvDType dtype,
            int variant,
            int numBlocks,
            int blockSize,
            SplittableRandom random);

    @Test
    void logitsDoNotDependOnTheCompany() {
        for (long seed = 0; seed < seeds(); seed++) {
            var random = new SplittableRandom(seed);
            var model = model(seed, random);
            var dtype = dtype(random);
            int[][] prompts = new int[SEQUENCES][];
            for (int s = 0; s < SEQUENCES; s++) {
                int length = 1 + random.nextInt(s == 0 ? longest() : longest() / 8);
                prompts[s] = random.ints(length, 0, model.shape.vocab()).toArray();
            }
            int[][][] alone = alone(model, prompts, dtype, random);
            for (int variant = 1; variant <= variants(); variant++) {
                int blockSize = 1 << random.nextInt(7);
                var what =
                        "seed %d, variant %d, %s, blocks of %d, %s"
                                .formatted(seed, variant, dtype, blockSize, model.shape);
                int[][][] together = together(model, prompts, dtype, variant, blockSize, random);
                for (int s = 0; s < SEQUENCES; s++) {
                    for (int t = 0; t < prompts[s].length; t++) {
                        assertArrayEquals(
                                alone[s][t],
                                together[s][t],
                                "%s, sequence %d, token %d".formatted(what, s, t));
                    }
                }
            }
        }
    }

    /** Bits of the logits, {@code [sequence][token][vocab]}. */
    private int[][][] alone(
            RandomModel random, int[][] prompts, KvDType dtype, SplittableRandom choice) {
        int[][][] bits = new int[prompts.length][][];
        try (var model = load(random, dtype, 0, SIMPLE_BLOCKS, SIMPLE_BLOCK_SIZE, choice)) {
            for (int s = 0; s < prompts.length; s++) {
                bits[s] = new int[prompts[s].length][];
                var sequence =
                        TestSequence.contiguous(prompts[s], 0, MAX_LENGTH, SIMPLE_BLOCK_SIZE);
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

    private int[][][] together(
            RandomModel random,
            int[][] prompts,
            KvDType dtype,
            int variant,
            int blockSize,
            SplittableRandom choice) {
        int perSequence = MAX_LENGTH / blockSize;
        int numBlocks = perSequence * prompts.length;
        int[] blocks = TestSequence.shuffledBlocks(numBlocks, choice);
        int[][][] bits = new int[prompts.length][][];
        List<TestSequence> sequences = new ArrayList<>();
        for (int s = 0; s < prompts.length; s++) {
            int[] own = Arrays.copyOfRange(blocks, s * perSequence, (s + 1) * perSequence);
            sequences.add(new TestSequence(prompts[s], own, blockSize));
            bits[s] = new int[prompts[s].length][];
        }
        try (var model = load(random, dtype, variant, numBlocks, blockSize, choice)) {
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

    private static int[] bits(float[] x) {
        int[] bits = new int[x.length];
        for (int i = 0; i < x.length; i++) {
            bits[i] = Float.floatToRawIntBits(x[i]);
        }
        return bits;
    }
}
