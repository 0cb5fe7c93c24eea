package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SampledToken;
import io.chasqui.backend.SamplerParams;
import io.chasqui.backend.cpu.RandomLogits;
import io.chasqui.backend.cpu.SamplingReference;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The sampling kernel on the emulator against the CPU's sampler and a reference in doubles. */
class SamplingKernelTest {
    private static final int[] NONE = {};
    private static final float[] NO_VALUES = {};
    private static final float[] NOT_FINITE = {
        Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY
    };

    /** Where the draw or a cut is closer than this to another token, rounding may decide. */
    private static final double CLOSE = 1e-6;

    private CudaEmulator emulator;
    private CudaDevice device;
    private Kernel kernel;

    @BeforeEach
    void start() {
        emulator = CudaEmulator.load();
        emulator.reset(1, 1L << 30);
        device = new CudaDevice(0, 0);
        kernel = device.call(() -> EmulatedKernels.load("sampling").get("sampling"));
    }

    @AfterEach
    void stop() {
        if (device != null) {
            device.close();
        }
    }

    private SampledToken[] sample(float[][] logits, LogitsRow[] rows, long[][] masks, int threads) {
        return device.call(
                () -> {
                    int vocab = logits[0].length;
                    try (var rig = new SamplingRig(device, kernel, vocab, rows.length)) {
                        return rig.sample(logits, rows, masks, rows.length, threads);
                    }
                });
    }

    private SampledToken sample(float[] logits, LogitsRow row, long[] mask, int threads) {
        var masks = mask == null ? null : new long[][] {mask};
        return sample(new float[][] {logits}, new LogitsRow[] {row}, masks, threads)[0];
    }

    private static LogitsRow row(SamplerParams params, long seed, int outputIndex, int logprobs) {
        return new LogitsRow(
                0, LogitsRow.SAMPLE, params, seed, 0, outputIndex, NONE, 0, 0, NONE, logprobs);
    }

    private static LogitsRow withLogprobs(LogitsRow row, int logprobs) {
        return new LogitsRow(
                row.tokenIndex(),
                row.targetToken(),
                row.params(),
                row.seed(),
                row.choice(),
                row.outputIndex(),
                row.history(),
                row.promptLength(),
                row.historyLength(),
                row.bannedTokens(),
                logprobs);
    }

    private static LogitsRow randomRow(RandomGenerator random, int vocab) {
        return withLogprobs(RandomLogits.row(random, vocab), random.nextInt(-1, 21));
    }

    @Test
    void drawsWhatTheCpuAndTheReferenceDraw() {
        int compared = 0;
        int rows = 0;
        for (long seed = 0; seed < 60; seed++) {
            emulator.setSeed(seed);
            var random = new SplittableRandom(seed);
            int vocab = new int[] {5, 100, 1024, 1500, 3001}[random.nextInt(5)];
            double spread = new double[] {0.1, 1, 3, 8}[random.nextInt(4)];
            int n = 1 + random.nextInt(4);
            var logits = new float[n][];
            var wanted = new LogitsRow[n];
            var masks = random.nextBoolean() ? new long[n][] : null;
            for (int i = 0; i < n; i++) {
                logits[i] = RandomLogits.logits(random, vocab, spread);
                wanted[i] = randomRow(random, vocab);
                if (masks != null && random.nextBoolean()) {
                    masks[i] = RandomLogits.mask(random, vocab);
                }
            }
            var sampled = sample(logits, wanted, masks, 32 << random.nextInt(3));
            for (int i = 0; i < n; i++) {
                rows++;
                long[] mask = masks == null ? null : masks[i];
                var why = "seed " + seed + " row " + i + ": " + wanted[i];
                if (agrees(sampled[i], logits[i], wanted[i], mask, why)) {
                    compared++;
                }
            }
        }
        assertTrue(compared > 0.98 * rows, compared + " of " + rows + " are clear of rounding");
    }

    /** Whether the token could be compared. */
    private static boolean agrees(
            SampledToken sampled, float[] logits, LogitsRow row, long[] mask, String why) {
        var cpu = RandomLogits.sampledByCpu(logits, row, mask);
        var reference = SamplingReference.of(logits, row, mask);
        assertEquals(reference.token() >= 0, sampled.finite(), why);
        if (!sampled.finite()) {
            return true;
        }
        assertArrayEquals(cpu.topTokens(), sampled.topTokens(), why);
        assertArrayEquals(cpu.topLogprobs(), sampled.topLogprobs(), 1e-5f, why);
        if (row.numLogprobs() >= 0) {
            double[] logprobs = SamplingReference.logSoftmax(logits);
            assertEquals(logprobs[sampled.token()], sampled.logprob(), 1e-5, why);
        }
        if (reference.margin() < CLOSE) {
            assertTrue(reference.nearlyKept(sampled.token()), why);
            return false;
        }
        assertEquals(reference.token(), sampled.token(), why);
        assertEquals(cpu.token(), sampled.token(), why);
        return true;
    }

    @Test
    void aRowsBitsDoNotDependOnBatchPlaceBlockSizeOrOrder() {
        int vocab = 3001;
        int n = 5;
        var random = new SplittableRandom(11);
        var logits = new float[n][];
        var rows = new LogitsRow[n];
        var masks = new long[n][];
        for (int i = 0; i < n; i++) {
            logits[i] = RandomLogits.logits(random, vocab, 3);
            rows[i] = withLogprobs(RandomLogits.row(random, vocab), 20);
            masks[i] = i % 2 == 0 ? RandomLogits.mask(random, vocab) : null;
        }
        var alone = new SampledToken[n];
        for (int i = 0; i < n; i++) {
            alone[i] = sample(logits[i], rows[i], masks[i], 1024);
        }
        for (int turn = 1; turn < 5; turn++) {
            emulator.setSeed(turn);
            var batch = rotated(logits, turn);
            var sampled = sample(batch, rotated(rows, turn), rotated(masks, turn), turn * 96);
            for (int i = 0; i < n; i++) {
                assertSameBits(alone[(i + turn) % n], sampled[i], "turn " + turn + " row " + i);
            }
        }
    }

    private static <T> T[] rotated(T[] values, int by) {
        var rotated = values.clone();
        for (int i = 0; i < values.length; i++) {
            rotated[i] = values[(i + by) % values.length];
        }
        return rotated;
    }

    private static void assertSameBits(SampledToken expected, SampledToken actual, String why) {
        assertEquals(expected.finite(), actual.finite(), why);
        assertEquals(expected.token(), actual.token(), why);
        assertEquals(expected.logprob(), actual.logprob(), why);
        assertArrayEquals(expected.topTokens(), actual.topTokens(), why);
        assertArrayEquals(expected.topLogprobs(), actual.topLogprobs(), why);
    }

    @Test
    void frequenciesFollowTheDistribution() {
        int vocab = 24;
        int batch = 250;
        int draws = 2 * batch;
        float[] logits = RandomLogits.logits(new SplittableRandom(3), vocab, 1.5);
        var params = new SamplerParams(0.8f, 0.95f, 18, 0.01f, 1, 0, 0, NONE, NO_VALUES);
        double[] p = SamplingReference.of(logits, row(params, 0, 0, -1), null).probabilities();
        int[] counts = new int[vocab];
        var batchLogits = new float[batch][];
        Arrays.fill(batchLogits, logits);
        var rows = new LogitsRow[batch];
        for (int first = 0; first < draws; first += batch) {
            for (int i = 0; i < batch; i++) {
                rows[i] = row(params, 77, first + i, -1);
            }
            for (var token : sample(batchLogits, rows, null, 32)) {
                counts[token.token()]++;
            }
        }
        double chiSquare = 0;
        int kept = 0;
        for (int id = 0; id < vocab; id++) {
            if (p[id] == 0) {
                assertEquals(0, counts[id]);
            } else {
                kept++;
                chiSquare += Math.pow(counts[id] - draws * p[id], 2) / (draws * p[id]);
            }
        }
        int freedom = kept - 1;
        // Mean and deviation of the statistic are n and √2n; the seed is fixed.
        assertTrue(
                chiSquare < freedom + 4 * Math.sqrt(2.0 * freedom),
                "chi-square " + chiSquare + " at " + freedom + " degrees of freedom");
        assertTrue(kept > 8 && kept < vocab);
    }

    @Test
    void aWholeVocabularyIsSampled() {
        int vocab = 128_256;
        var random = new SplittableRandom(5);
        float[] logits = RandomLogits.logits(random, vocab, 3);
        var nucleus = new SamplerParams(0.9f, 0.9f, 0, 0, 1.2f, 0.5f, 0.1f, NONE, NO_VALUES);
        int[] history = {logits.length - 1, 7, 7, 128_000};
        var wanted =
                new LogitsRow(
                        0, LogitsRow.SAMPLE, nucleus, 9, 1, 3, history, 2, 4, new int[] {5}, 20);
        var why = "top-p";
        agrees(sample(logits, wanted, null, 128), logits, wanted, null, why);
        var topK = new SamplerParams(1, 0.8f, 50, 0, 1, 0, 0, NONE, NO_VALUES);
        agrees(
                sample(logits, row(topK, 3, 4, 0), null, 128),
                logits,
                row(topK, 3, 4, 0),
                null,
                "k");
    }

    @Test
    void equalLogitsAreCutAtTheLowestIds() {
        int vocab = 2000;
        float[] flat = new float[vocab];
        flat[1999] = 1;
        var params = new SamplerParams(1, 1, 700, 0, 1, 0, 0, NONE, NO_VALUES);
        for (int i = 0; i < 20; i++) {
            var wanted = row(params, 5, i, -1);
            var reference = SamplingReference.of(flat, wanted, null);
            var sampled = sample(flat, wanted, null, 64);
            assertEquals(reference.token(), sampled.token());
            assertTrue(sampled.token() < 699 || sampled.token() == 1999);
        }
        var greedy = row(SamplerParams.GREEDY, 0, 0, 20);
        flat[1999] = 0;
        flat[3] = -0.0f;
        var sampled = sample(flat, greedy, null, 64);
        assertEquals(0, sampled.token());
        assertArrayEquals(
                RandomLogits.sampledByCpu(flat, greedy, null).topTokens(), sampled.topTokens());
    }

    @Test
    void rowsThatAreNotFiniteAreToldAndHarmNoOther() {
        int vocab = 2000;
        var random = new SplittableRandom(9);
        for (float bad : NOT_FINITE) {
            for (int at : new int[] {0, 1023, 1999}) {
                var logits = new float[3][];
                var rows = new LogitsRow[3];
                for (int i = 0; i < 3; i++) {
                    logits[i] = RandomLogits.logits(random, vocab, 2);
                    rows[i] = randomRow(random, vocab);
                }
                logits[1][at] = bad;
                var sampled = sample(logits, rows, null, 128);
                assertFalse(sampled[1].finite());
                assertEquals(0, sampled[1].token(), "an id that the next step can look up");
                for (int i = 0; i < 3; i += 2) {
                    agrees(sampled[i], logits[i], rows[i], null, "row " + i);
                }
            }
        }
    }

    @Test
    void aRowWithoutAnAllowedTokenIsTold() {
        float[] logits = RandomLogits.logits(new SplittableRandom(9), 70, 2);
        long beyond = -1L << 6; // ids 70 to 127, which don't exist
        for (float temperature : new float[] {0, 1}) {
            var params = SamplerParams.temperature(temperature);
            var wanted = row(params, 1, 2, 3);
            assertFalse(sample(logits, wanted, new long[] {0, beyond}, 64).finite());
            var last = sample(logits, wanted, new long[] {0, beyond | 1L << 5}, 64);
            assertTrue(last.finite());
            assertEquals(69, last.token());
            int[] banned = {69};
            var bannedRow =
                    new LogitsRow(0, LogitsRow.SAMPLE, params, 1, 0, 2, NONE, 0, 0, banned, -1);
            assertFalse(sample(logits, bannedRow, new long[] {0, 1L << 5}, 64).finite());
        }
    }

    @Test
    void aKnownTokenIsScored() {
        float[] logits = RandomLogits.logits(new SplittableRandom(9), 2000, 2);
        var scoreRow = new LogitsRow(0, 1234, SamplerParams.GREEDY, 0, 0, 0, NONE, 0, 0, NONE, 0);
        var scored = sample(logits, scoreRow, null, 128);
        assertEquals(1234, scored.token());
        assertEquals(SamplingReference.logSoftmax(logits)[1234], scored.logprob(), 1e-5);
        assertEquals(0, scored.topTokens().length);
        assertTrue(scored.finite());
    }

    @Test
    void extremeTemperaturesAreSafe() {
        float[] logits = RandomLogits.logits(new SplittableRandom(4), 500, 3);
        int best = sample(logits, row(SamplerParams.GREEDY, 0, 0, -1), null, 64).token();
        for (float t : new float[] {Float.MIN_VALUE, 1e-30f, 1e-6f}) {
            for (float topP : new float[] {1, 0.5f}) {
                var params = new SamplerParams(t, topP, 0, 0, 1, 0, 0, NONE, NO_VALUES);
                var sampled = sample(logits, row(params, 8, 1, -1), null, 64);
                assertEquals(logits[best], logits[sampled.token()]);
            }
        }
    }

    @Test
    void everyRankIsToldTheTokens() {
        int vocab = 300;
        var random = new SplittableRandom(2);
        var logits = new float[4][];
        var rows = new LogitsRow[4];
        for (int i = 0; i < 4; i++) {
            logits[i] = RandomLogits.logits(random, vocab, 2);
            rows[i] = randomRow(random, vocab);
        }
        device.run(
                () -> {
                    try (var rig = new SamplingRig(device, kernel, vocab, 4)) {
                        var sampled = rig.sample(logits, rows, null, 4, 64);
                        int[] ids = Arrays.stream(sampled).mapToInt(SampledToken::token).toArray();
                        assertArrayEquals(ids, rig.sampledOnRank(0, 4));
                        assertArrayEquals(ids, rig.sampledOnRank(1, 4));
                        // Blocks beyond the step's rows, as in a grid made for more, do nothing.
                        var two = Arrays.copyOf(rows, 2);
                        two[0] = row(SamplerParams.temperature(2), 123, 4, -1);
                        rig.sample(Arrays.copyOf(logits, 2), two, null, 4, 64);
                        assertEquals(ids[3], rig.sampledOnRank(1, 4)[3]);
                    }
                });
    }
}
