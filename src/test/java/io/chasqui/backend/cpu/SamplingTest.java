package io.chasqui.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SampledToken;
import io.chasqui.backend.SamplerParams;
import java.util.Arrays;
import java.util.SplittableRandom;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;

/** One row's sampling against a plain reference in double arithmetic with a full sort. */
class SamplingTest {
    private static final int[] NONE = {};
    private static final float[] NO_VALUES = {};
    private static final Kernels KERNELS = Kernels.vector(FloatVector.SPECIES_PREFERRED);

    private static LogitsRow row(SamplerParams params, long seed, int outputIndex, int logprobs) {
        return new LogitsRow(
                0, LogitsRow.SAMPLE, params, seed, 0, outputIndex, NONE, 0, 0, NONE, logprobs);
    }

    @Test
    void drawsWhatTheReferenceDraws() {
        int compared = 0;
        for (long seed = 0; seed < 600; seed++) {
            var random = new SplittableRandom(seed);
            int vocab = new int[] {5, 100, 1024, 1500, 5000}[random.nextInt(5)];
            float[] logits =
                    RandomLogits.logits(
                            random, vocab, new double[] {0.1, 1, 3, 8}[random.nextInt(4)]);
            var sampler = new RowSampler(KERNELS, vocab);
            var row = RandomLogits.row(random, vocab);
            long[] mask = random.nextInt(4) == 0 ? RandomLogits.mask(random, vocab) : null;
            var reference = SamplingReference.of(logits, row, mask);
            var sampled = sampler.sample(logits, 0, row, mask);
            if (reference.token() < 0) {
                assertFalse(sampled.finite(), "no token is allowed");
            } else if (reference.margin() > 1e-5) {
                assertEquals(reference.token(), sampled.token(), "seed " + seed + ": " + row);
                compared++;
            } else {
                assertTrue(reference.nearlyKept(sampled.token()), "seed " + seed + ": " + row);
            }
        }
        assertTrue(compared > 550, "only " + compared + " cases were clear of rounding");
    }

    @Test
    void frequenciesFollowTheDistribution() {
        int vocab = 40;
        int draws = 40_000;
        float[] logits = RandomLogits.logits(new SplittableRandom(3), vocab, 1.5);
        var params = new SamplerParams(0.8f, 0.95f, 30, 0.01f, 1, 0, 0, NONE, NO_VALUES);
        double[] p = SamplingReference.of(logits, row(params, 0, 0, -1), null).probabilities();
        var sampler = new RowSampler(KERNELS, vocab);
        int[] counts = new int[vocab];
        for (int i = 0; i < draws; i++) {
            counts[sampler.sample(logits, 0, row(params, 77, i, -1), null).token()]++;
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
        assertTrue(kept > 10 && kept < vocab);
    }

    @Test
    void randomNumberDependsOnSeedChoiceAndIndexOnly() {
        assertEquals(Philox.uniform(5, 1, 2), Philox.uniform(5, 1, 2));
        double[] all = {
            Philox.uniform(5, 1, 2),
            Philox.uniform(6, 1, 2),
            Philox.uniform(5L << 32, 1, 2),
            Philox.uniform(5, 2, 2),
            Philox.uniform(5, 1, 3)
        };
        assertEquals(all.length, Arrays.stream(all).distinct().count());
    }

    /** Known answers published with the generator (Random123, kat_vectors). */
    @Test
    void philoxGivesItsKnownAnswers() {
        assertArrayEquals(
                new int[] {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
                Philox.block(0, 0, 0, 0, 0, 0));
        assertArrayEquals(
                new int[] {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
                Philox.block(-1, -1, -1, -1, -1, -1));
        assertArrayEquals(
                new int[] {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
                Philox.block(
                        0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0));
    }

    @Test
    void greedyTakesTheLowestIdAmongEquals() {
        float[] logits = new float[3000];
        logits[1500] = logits[2999] = logits[1501] = 4;
        var sampler = new RowSampler(KERNELS, logits.length);
        assertEquals(
                1500, sampler.sample(logits, 0, row(SamplerParams.GREEDY, 0, 0, -1), null).token());
    }

    @Test
    void topTokensAreThoseOfTheRawLogits() {
        for (long seed = 0; seed < 50; seed++) {
            var random = new SplittableRandom(seed);
            int vocab = 1 + random.nextInt(4000);
            float[] logits = RandomLogits.logits(random, vocab, 3);
            var params =
                    new SamplerParams(0.5f, 1, 0, 0, 1.3f, 0, 0, new int[] {0}, new float[] {100});
            int wanted = random.nextInt(21);
            var sampled =
                    new RowSampler(KERNELS, vocab)
                            .sample(logits, 0, row(params, seed, 0, wanted), null);
            double[] logprobs = SamplingReference.logSoftmax(logits);
            Integer[] order = SamplingReference.order(logprobs);
            int n = Math.min(wanted, vocab);
            assertEquals(n, sampled.topTokens().length);
            for (int i = 0; i < n; i++) {
                assertEquals(order[i], sampled.topTokens()[i], "seed " + seed);
                assertEquals(logprobs[order[i]], sampled.topLogprobs()[i], 2e-6 * 30);
            }
            assertEquals(0, sampled.token(), "the bias decides");
            assertEquals(logprobs[0], sampled.logprob(), 2e-6 * 30);
        }
    }

    @Test
    void aKnownTokenIsScored() {
        float[] logits = RandomLogits.logits(new SplittableRandom(9), 2000, 2);
        var sampleRow = row(SamplerParams.GREEDY, 0, 0, 0);
        var scoreRow = new LogitsRow(0, 1234, sampleRow.params(), 0, 0, 0, NONE, 0, 0, NONE, 0);
        SampledToken scored = new RowSampler(KERNELS, 2000).sample(logits, 0, scoreRow, null);
        assertEquals(1234, scored.token());
        assertEquals(SamplingReference.logSoftmax(logits)[1234], scored.logprob(), 1e-5);
        assertTrue(scored.finite());
    }

    @Test
    void nonFiniteLogitsAreReported() {
        for (float bad :
                new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            float[] logits = RandomLogits.logits(new SplittableRandom(9), 2000, 2);
            logits[1999] = bad;
            var sampler = new RowSampler(KERNELS, 2000);
            assertFalse(
                    sampler.sample(logits, 0, row(SamplerParams.GREEDY, 0, 0, 5), null).finite());
        }
    }

    @Test
    void extremeTemperaturesAreSafe() {
        float[] logits = RandomLogits.logits(new SplittableRandom(4), 500, 3);
        var sampler = new RowSampler(KERNELS, 500);
        int best = sampler.sample(logits, 0, row(SamplerParams.GREEDY, 0, 0, -1), null).token();
        for (float t : new float[] {Float.MIN_VALUE, 1e-30f, 1e-6f}) {
            var sampled =
                    sampler.sample(logits, 0, row(SamplerParams.temperature(t), 8, 1, -1), null);
            assertEquals(logits[best], logits[sampled.token()]);
        }
    }

    @Test
    void scalarAndVectorKernelsDrawTheSame() {
        for (long seed = 0; seed < 40; seed++) {
            var random = new SplittableRandom(seed);
            float[] logits = RandomLogits.logits(random, 3001, 3);
            var row = row(new SamplerParams(1, 0.9f, 0, 0, 1, 0, 0, NONE, NO_VALUES), seed, 0, 5);
            var vector = new RowSampler(KERNELS, 3001).sample(logits, 0, row, null);
            var scalar = new RowSampler(new ScalarKernels(), 3001).sample(logits, 0, row, null);
            assertEquals(scalar.token(), vector.token());
            assertEquals(scalar.logprob(), vector.logprob());
            assertArrayEquals(scalar.topLogprobs(), vector.topLogprobs());
        }
    }
}
