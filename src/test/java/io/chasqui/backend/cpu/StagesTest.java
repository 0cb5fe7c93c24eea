package io.chasqui.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.KvDType;
import io.chasqui.backend.SamplerParams;
import io.chasqui.testing.TestSequence;
import io.chasqui.testing.TestSequence.Slice;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Every stage against a double reference, over random shapes. */
class StagesTest {
    private static final int[] HEAD_DIMS = {8, 16, 64, 80, 128};
    private static final int[] GROUPS = {1, 2, 3, 4, 5, 6, 7, 8};
    private static final int[] BLOCK_SIZES = {1, 4, 16, 32, 64};

    @Test
    void stagesAgreeWithDoubleArithmetic() {
        for (long seed = 0; seed < 40; seed++) {
            var random = new SplittableRandom(seed);
            int headDim = HEAD_DIMS[(int) seed % HEAD_DIMS.length];
            var shape =
                    RandomModel.shape(
                            1 + random.nextInt(2),
                            16 + random.nextInt(60),
                            1 + random.nextInt(3),
                            GROUPS[(int) seed % GROUPS.length],
                            headDim,
                            10 + random.nextInt(90),
                            20 + random.nextInt(50));
            var dtype = random.nextInt(3) == 0 ? KvDType.BF16 : KvDType.F32;
            int length = 1 + random.nextInt(seed % 4 == 0 ? 600 : 100);
            int blockSize = BLOCK_SIZES[random.nextInt(BLOCK_SIZES.length)];
            var what = "seed " + seed + ", " + dtype + ", length " + length + ", " + shape;
            check(new RandomModel(shape, seed), dtype, length, blockSize, random, what);
        }
    }

    private static void check(
            RandomModel random,
            KvDType dtype,
            int length,
            int blockSize,
            SplittableRandom choice,
            String what) {
        var shape = random.shape;
        int[] prompt = choice.ints(length, 0, shape.vocab()).toArray();
        int blocks = Math.ceilDiv(length, blockSize);
        var sequence =
                new TestSequence(prompt, TestSequence.shuffledBlocks(blocks, choice), blockSize);
        int bits = choice.nextBoolean() ? 256 : 512;
        var backend = CpuBackend.create(1 + choice.nextInt(3), bits, false);
        var weights = random.pack(backend);
        backend.allocateWorkspace(shape, length, length);
        var cache = backend.allocateKvCache(shape, dtype, blocks, blockSize);
        try (var model = random.model(weights, backend, cache)) {
            var batch =
                    TestSequence.batch(SamplerParams.GREEDY, -1, Slice.everyRow(sequence, length));
            compare(random, prompt, (CpuForwardPass) model.forward(batch), dtype, what);
        }
    }

    private static void compare(
            RandomModel random, int[] prompt, CpuForwardPass pass, KvDType dtype, String what) {
        var reference = new DoubleLlama(random);
        var shape = random.shape;
        int heads = shape.heads() * shape.headDim();
        for (int t = 0; t < prompt.length; t++) {
            double[] logits = reference.next(prompt[t]);
            var where = what + ", token " + t + ", ";
            int qkv = CpuForwardPass.qkvRows(shape);
            close(where + "queries", reference.queries, pass.qkv, t * qkv, dtype);
            close(where + "attention", reference.attention, pass.attention, t * heads, dtype);
            close(where + "inner", reference.inner, pass.inner, t * shape.ffn(), dtype);
            close(where + "residual", reference.residual, pass.residual, t * shape.hidden(), dtype);
            close(where + "logits", logits, pass.logits, t * shape.vocab(), dtype);
        }
    }

    private static void close(
            String what, double[] expected, float[] actual, int at, KvDType dtype) {
        double difference = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow(expected[i] - actual[at + i], 2);
        }
        double norm = Arrays.stream(expected).map(v -> v * v).sum();
        double error = Math.sqrt(difference / norm);
        double tolerance = dtype == KvDType.F32 ? 1e-5 : 3e-2;
        assertTrue(error < tolerance, () -> what + ": relative error " + error);
    }
}
