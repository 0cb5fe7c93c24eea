package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.DeviceLostError;
import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.ModelShape;
import io.chasqui.backend.PendingTokens;
import io.chasqui.backend.RandomModel;
import io.chasqui.backend.SampledToken;
import io.chasqui.backend.SamplerParams;
import io.chasqui.model.LlamaModel;
import io.chasqui.testing.TestSequence;
import io.chasqui.testing.TestSequence.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a backend on GPUs does around the stages: steps in flight, sampling, ranks, faults. */
class CudaBackendTest {
    private static final ModelShape SHAPE = RandomModel.shape(2, 64, 4, 2, 16, 128, 100);
    private static final int BLOCK_SIZE = 16;
    private static final int BLOCKS = 64;
    private static final int MAX_TOKENS = 64;
    private static final int[] PROMPT = {5, 17, 99, 3, 42, 8, 8, 61};
    private static final SamplerParams LIVELY =
            new SamplerParams(1.2f, 0.95f, 40, 0, 1.1f, 0.1f, 0.1f, new int[] {7}, new float[] {2});

    private static final CudaOptions EAGER = new CudaOptions(0.9, false, false);

    private static LlamaModel load(CudaBackend backend) {
        var random = new RandomModel(SHAPE, 11, true);
        var weights = random.pack(backend);
        backend.allocateWorkspace(SHAPE, MAX_TOKENS, MAX_TOKENS);
        var cache = backend.allocateKvCache(SHAPE, KvDType.BF16, BLOCKS, BLOCK_SIZE);
        return random.model(weights, backend, cache);
    }

    private static TestSequence sequence() {
        return TestSequence.contiguous(PROMPT, 0, BLOCKS * BLOCK_SIZE, BLOCK_SIZE);
    }

    private static SampledToken[] step(
            LlamaModel model, TestSequence sequence, SamplerParams params, int logprobs) {
        var batch =
                TestSequence.batch(params, logprobs, Slice.lastRow(sequence, sequence.pending()));
        return model.sample(model.forward(batch), null).await();
    }

    private static int[] generate(LlamaModel model, int count) {
        var sequence = sequence();
        int[] tokens = new int[count];
        for (int i = 0; i < count; i++) {
            tokens[i] = step(model, sequence, LIVELY, -1)[0].token();
            sequence.append(tokens[i]);
        }
        return tokens;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void aStepMayNameTokensThatTheLastOneIsStillSampling(int ranks) {
        int[] expected;
        try (var model = load(EmulatedBackends.create(ranks, EAGER))) {
            expected = generateGreedily(model, 20, false);
        }
        for (var options : List.of(EAGER, EmulatedBackends.USUAL)) {
            try (var model = load(EmulatedBackends.create(ranks, options))) {
                assertArrayEquals(expected, generateGreedily(model, 20, true), options.toString());
            }
        }
    }

    /** With {@code ahead}, each step is launched before the tokens of the last are read. */
    private static int[] generateGreedily(LlamaModel model, int count, boolean ahead) {
        var sequence = sequence();
        var pending = new ArrayList<PendingTokens>();
        int[] tokens = new int[count];
        int read = 0;
        for (int i = 0; i < count; i++) {
            var batch =
                    TestSequence.batch(
                            SamplerParams.GREEDY, -1, Slice.lastRow(sequence, sequence.pending()));
            pending.add(model.sample(model.forward(batch), null));
            if (!ahead || i > 0) {
                tokens[read] = pending.get(read).await()[0].token();
                read++;
            }
            sequence.append(ahead ? -1 : tokens[i]);
        }
        while (read < count) {
            tokens[read] = pending.get(read).await()[0].token();
            read++;
        }
        return tokens;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void graphsChangeNoBit(int ranks) {
        int[] expected;
        try (var model = load(EmulatedBackends.create(ranks, EAGER))) {
            expected = generate(model, 24);
        }
        try (var model = load(EmulatedBackends.create(ranks, EmulatedBackends.USUAL))) {
            long before = CudaEmulator.load().launches(0);
            assertArrayEquals(expected, generate(model, 24));
            assertTrue(CudaEmulator.load().launches(0) > before);
        }
    }

    @Test
    void shapesThatNoKernelTakesAreRefused() {
        var shape = RandomModel.shape(1, 40, 1, 1, 32, 64, 30);
        try (var backend = EmulatedBackends.create(1, EmulatedBackends.USUAL)) {
            var refusal =
                    assertThrows(CudaException.class, () -> backend.plan(shape, false, 64, 64, 16));
            assertTrue(refusal.getMessage().contains("this model has 40, 32 and 64"));
        }
    }

    @Test
    void ranksAgreeWithOneRankAndWithThemselves() {
        float[] alone = logits(1, EmulatedBackends.USUAL);
        for (int ranks : new int[] {2, 4, 8}) {
            float[] first = logits(ranks, EmulatedBackends.USUAL);
            assertArrayEquals(first, logits(ranks, EAGER), ranks + " ranks, again");
            assertTrue(
                    relativeError(alone, first) < 1e-2,
                    () -> ranks + " ranks differ by " + relativeError(alone, first));
        }
    }

    @Test
    void ranksMayShareADevice() {
        float[] apart = logits(2, EmulatedBackends.USUAL);
        CudaEmulator.load().reset(1, 1 << 30);
        var backend = EmulatedBackends.open(List.of(0, 0), EmulatedBackends.USUAL);
        assertArrayEquals(apart, logits(backend));
    }

    private static float[] logits(int ranks, CudaOptions options) {
        return logits(EmulatedBackends.create(ranks, options));
    }

    /** Of a prompt and of a token after it. */
    private static float[] logits(CudaBackend backend) {
        try (var model = load(backend)) {
            var sequence = sequence();
            var prompt = TestSequence.batch(SamplerParams.GREEDY, -1, every(sequence));
            float[][] first = backend.readLogits(model.forward(prompt));
            sequence.append(9);
            var next = TestSequence.batch(SamplerParams.GREEDY, -1, every(sequence));
            float[][] second = backend.readLogits(model.forward(next));
            float[] all = new float[(first.length + 1) * SHAPE.vocab()];
            for (int r = 0; r <= first.length; r++) {
                float[] row = r < first.length ? first[r] : second[0];
                System.arraycopy(row, 0, all, r * SHAPE.vocab(), SHAPE.vocab());
            }
            return all;
        }
    }

    private static Slice every(TestSequence sequence) {
        return Slice.everyRow(sequence, sequence.pending());
    }

    private static double relativeError(float[] expected, float[] actual) {
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow(expected[i] - actual[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        return Math.sqrt(difference / norm);
    }

    @Test
    void theLikeliestTokensAndTheirLogprobsAreThoseOfTheLogits() {
        var backend = EmulatedBackends.create(1, EmulatedBackends.USUAL);
        try (var model = load(backend)) {
            var sequence = sequence();
            var batch =
                    TestSequence.batch(
                            SamplerParams.GREEDY, 5, Slice.lastRow(sequence, PROMPT.length));
            var pass = model.forward(batch);
            float[] logits = backend.readLogits(pass)[0];
            var token = model.sample(pass, null).await()[0];
            var order = new ArrayList<Integer>();
            for (int id = 0; id < logits.length; id++) {
                order.add(id);
            }
            order.sort((a, b) -> Float.compare(logits[b], logits[a]));
            double total = 0;
            for (float logit : logits) {
                total += Math.exp(logit);
            }
            assertEquals(order.getFirst(), token.token());
            assertEquals(5, token.topTokens().length);
            for (int i = 0; i < 5; i++) {
                assertEquals(order.get(i), token.topTokens()[i]);
                double logprob = logits[order.get(i)] - Math.log(total);
                assertEquals(logprob, token.topLogprobs()[i], 1e-4);
            }
            assertEquals(token.topLogprobs()[0], token.logprob());
        }
    }

    @Test
    void masksAndBansHold() {
        try (var model = load(EmulatedBackends.create(1, EmulatedBackends.USUAL))) {
            var first = sequence();
            var second = new TestSequence(PROMPT, new int[] {10, 11, 12, 13}, BLOCK_SIZE);
            var batch =
                    TestSequence.batch(
                            LIVELY,
                            -1,
                            Slice.lastRow(first, PROMPT.length),
                            Slice.lastRow(second, PROMPT.length));
            var only = new long[] {0, 1L << 70 - 64};
            var pass = model.forward(batch);
            var tokens = model.sample(pass, new long[][] {only, null}).await();
            assertEquals(70, tokens[0].token());
            var free = model.sample(pass, null).await();
            assertEquals(free[1].token(), tokens[1].token());
            var nothing = model.sample(pass, new long[][] {{}, null}).await();
            assertFalse(nothing[0].finite());
            assertTrue(nothing[1].finite());
        }
    }

    @Test
    void aRowOfNotANumberIsToldAndOthersAreNot() {
        try (var model = load(EmulatedBackends.create(1, EmulatedBackends.USUAL))) {
            var sick = sequence();
            var well = new TestSequence(PROMPT, new int[] {10, 11, 12, 13}, BLOCK_SIZE);
            step(model, sick, SamplerParams.GREEDY, -1);
            step(model, well, SamplerParams.GREEDY, -1);
            model.kvCache().poison(0);
            sick.append(1);
            well.append(1);
            var batch =
                    TestSequence.batch(
                            SamplerParams.GREEDY,
                            -1,
                            Slice.lastRow(sick, 1),
                            Slice.lastRow(well, 1));
            var tokens = model.sample(model.forward(batch), null).await();
            assertFalse(tokens[0].finite());
            assertTrue(tokens[1].finite());
        }
    }

    @Test
    void aLostDeviceIsNeverAskedAgain() {
        var backend = EmulatedBackends.create(1, EmulatedBackends.USUAL);
        var emulator = CudaEmulator.load();
        var model = load(backend);
        generate(model, 3);
        emulator.addFaults("sticky@0:" + (emulator.launches(0) + 5) + "=700");
        var lost = assertThrows(DeviceLostError.class, () -> generate(model, 3));
        emulator.removeFaults();
        emulator.reset(1, 1 << 30);
        assertSame(lost, assertThrows(DeviceLostError.class, () -> generate(model, 1)));
        model.close();
    }

    @Test
    void whenOneRankIsLostTheOthersDoNotAnswer() {
        var backend = EmulatedBackends.create(2, EmulatedBackends.USUAL);
        var emulator = CudaEmulator.load();
        emulator.setSpinLimit(java.time.Duration.ofMillis(500));
        var model = load(backend);
        generate(model, 3);
        emulator.addFaults("sticky@1:" + (emulator.launches(1) + 5) + "=700");
        assertThrows(DeviceLostError.class, () -> generate(model, 3));
        assertThrows(DeviceLostError.class, () -> generate(model, 1));
        model.close();
    }

    @Test
    void memoryThatRunsOutIsNamed() {
        int allocation = 0;
        boolean loaded = false;
        while (!loaded) {
            allocation++;
            var backend = EmulatedBackends.create(1, EmulatedBackends.USUAL);
            var emulator = CudaEmulator.load();
            emulator.addFaults("oom@0:" + (emulator.allocations(0) + allocation));
            try {
                load(backend);
                loaded = true;
            } catch (OutOfDeviceMemoryException e) {
                assertTrue(e.getMessage().contains(" need "), e.getMessage());
                assertTrue(e.getMessage().contains("1,073,741,824"), e.getMessage());
            }
            backend.close();
        }
        assertTrue(allocation > 30, "allocations: " + allocation);
    }

    @Test
    void aClosedBackendHasGivenEverythingBack() {
        var backend = EmulatedBackends.create(2, EmulatedBackends.USUAL);
        var emulator = CudaEmulator.load();
        try (var model = load(backend)) {
            generate(model, 2);
            assertTrue(emulator.allocatedBytes(0) > 0);
        }
        assertEquals(0, emulator.allocatedBytes(0));
        assertEquals(0, emulator.allocatedBytes(1));
    }

    @Test
    void aStepTooLargeIsRefusedAndTheNextOneRuns() {
        try (var model = load(EmulatedBackends.create(1, EmulatedBackends.USUAL))) {
            int[] expected = generate(model, 2);
            int[] prompt = new int[MAX_TOKENS + 1];
            Arrays.fill(prompt, 1);
            var sequence = TestSequence.contiguous(prompt, 0, 1024, BLOCK_SIZE);
            ForwardBatch batch =
                    TestSequence.batch(
                            SamplerParams.GREEDY, -1, Slice.lastRow(sequence, prompt.length));
            assertThrows(IllegalArgumentException.class, () -> model.forward(batch));
            assertArrayEquals(expected, generate(model, 2));
        }
    }
}
