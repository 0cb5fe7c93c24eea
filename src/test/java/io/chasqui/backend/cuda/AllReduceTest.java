package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.chasqui.backend.cuda.AllReduceRig.Grid;
import io.chasqui.backend.cuda.AllReduceRig.Outcome;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The all-reduce over several emulated devices, each of which runs on a thread of its own. */
class AllReduceTest {
    private static final int GROUP = 16;
    private static final String ONE_SHOT = "all_reduce_one_shot";
    private static final String TWO_SHOT = "all_reduce_two_shot";

    private CudaEmulator emulator;

    @BeforeEach
    void start() {
        emulator = CudaEmulator.load();
        emulator.reset(8, 64 << 20);
    }

    /** Input of some rounds, and what comes out: floats added in order of rank. */
    private record Case(
            int tokens, int hidden, float[][][] partials, float[] residual, float[] norm) {

        static Case random(RandomGenerator random, int ranks, int rounds) {
            int tokens = 1 + random.nextInt(9);
            int hidden = GROUP * (1 + random.nextInt(12));
            var partials = new float[rounds][ranks][];
            for (var round : partials) {
                for (int rank = 0; rank < ranks; rank++) {
                    round[rank] = numbers(random, tokens * hidden);
                }
            }
            return new Case(
                    tokens,
                    hidden,
                    partials,
                    numbers(random, tokens * hidden),
                    numbers(random, hidden));
        }

        private static float[] numbers(RandomGenerator random, int n) {
            var numbers = new float[n];
            for (int i = 0; i < n; i++) {
                numbers[i] = (float) (random.nextGaussian() * Math.exp(4 * random.nextGaussian()));
            }
            return numbers;
        }

        int ranks() {
            return partials[0].length;
        }

        int rounds() {
            return partials.length;
        }

        float[] expected(int times) {
            var values = residual.clone();
            for (int round = 0; round < times * rounds(); round++) {
                var parts = partials[round % rounds()];
                for (int i = 0; i < values.length; i++) {
                    float sum = parts[0][i];
                    for (int rank = 1; rank < ranks(); rank++) {
                        sum += parts[rank][i];
                    }
                    values[i] += sum;
                }
            }
            return values;
        }

        void check(List<Outcome> outcomes, int times, String why) {
            float[] values = expected(times);
            for (var outcome : outcomes) {
                assertArrayEquals(values, outcome.values(), why);
                assertArrayEquals(scaled(values), outcome.x(), why);
                checkSquares(values, outcome.squares(), why);
                assertArrayEquals(outcomes.getFirst().squares(), outcome.squares(), why);
            }
        }

        private short[] scaled(float[] values) {
            var x = new short[values.length];
            for (int i = 0; i < x.length; i++) {
                x[i] = Bf16.of(values[i] * norm[i % hidden]);
            }
            return x;
        }

        private static void checkSquares(float[] values, float[] squares, String why) {
            for (int group = 0; group < squares.length; group++) {
                double sum = 0;
                for (int i = group * GROUP; i < (group + 1) * GROUP; i++) {
                    sum += (double) values[i] * values[i];
                }
                assertEquals(sum, squares[group], 1e-6 * sum, why);
            }
        }

        /** Against sums in doubles, as far as floats can follow. */
        void checkAgainstDoubles(Outcome outcome) {
            for (int i = 0; i < residual.length; i++) {
                double sum = residual[i];
                double magnitude = Math.abs(sum);
                for (var round : partials) {
                    for (var part : round) {
                        sum += part[i];
                        magnitude += Math.abs(part[i]);
                    }
                }
                double bound = magnitude * (ranks() + 1) * rounds() * 0x1p-24;
                assertEquals(sum, outcome.values()[i], bound);
            }
        }

        AllReduceRig rig(int[] ordinals) {
            var rig = new AllReduceRig(ordinals, tokens, hidden, rounds());
            rig.load(partials, residual, norm);
            return rig;
        }
    }

    private static int[] devices(int ranks, int ranksPerDevice) {
        int[] ordinals = new int[ranks];
        Arrays.setAll(ordinals, rank -> rank / ranksPerDevice);
        return ordinals;
    }

    @Test
    void bothFormsAddRanksInOrderWhateverTheGrid() {
        for (int seed = 0; seed < 18; seed++) {
            var random = new SplittableRandom(seed);
            int ranks = 2 << seed % 3;
            emulator.setSeed(seed);
            var input = Case.random(random, ranks, 4);
            var why = "seed " + seed + ", " + ranks + " ranks";
            for (var kernel : List.of(ONE_SHOT, TWO_SHOT)) {
                var grid = new Grid(kernel, 1 + random.nextInt(4), 32 << random.nextInt(3));
                try (var rig = input.rig(devices(ranks, 1))) {
                    var outcomes = rig.run(grid);
                    input.check(outcomes, 1, why + ", " + grid);
                    input.checkAgainstDoubles(outcomes.getFirst());
                }
            }
        }
    }

    @Test
    void aSlowRankIsWaitedForAndNotOverrun() {
        for (int seed = 0; seed < 6; seed++) {
            emulator.setSeed(seed);
            var random = new SplittableRandom(100 + seed);
            var kernel = seed % 2 == 0 ? ONE_SHOT : TWO_SHOT;
            var input = Case.random(random, 4, 7);
            for (int i = 0; i < 4; i++) {
                emulator.addFaults("slow@" + kernel + ":" + (1 + random.nextInt(28)) + "=8");
            }
            try (var rig = input.rig(devices(4, 1))) {
                input.check(rig.run(new Grid(kernel, 2, 64)), 1, "seed " + seed);
            }
            emulator.removeFaults();
        }
    }

    @Test
    void ranksShareADevice() {
        emulator.setMultiprocessors(4);
        for (int seed = 0; seed < 4; seed++) {
            emulator.setSeed(seed);
            var input = Case.random(new SplittableRandom(seed), 4, 4);
            var kernel = seed % 2 == 0 ? ONE_SHOT : TWO_SHOT;
            try (var rig = input.rig(devices(4, 2))) {
                input.check(rig.run(new Grid(kernel, 2, 32)), 1, "seed " + seed);
            }
        }
    }

    @Test
    void countersSurviveReplays() {
        for (var kernel : List.of(ONE_SHOT, TWO_SHOT)) {
            var input = Case.random(new SplittableRandom(5), 2, 2);
            try (var rig = input.rig(devices(2, 1))) {
                input.check(rig.replay(new Grid(kernel, 2, 64), 5), 5, kernel);
            }
        }
    }

    @Test
    void theSizeDecidesTheFormAndNotTheBits() {
        int hidden = 1024;
        int tokens = 33; // 132 KB a rank: one-shot; eight ranks go two-shot from 64 tokens on
        for (int n : new int[] {tokens, 2 * tokens}) {
            var random = new SplittableRandom(n);
            var partials = new float[2][8][];
            for (var round : partials) {
                for (int rank = 0; rank < 8; rank++) {
                    round[rank] = Case.numbers(random, n * hidden);
                }
            }
            var input =
                    new Case(
                            n,
                            hidden,
                            partials,
                            Case.numbers(random, n * hidden),
                            Case.numbers(random, hidden));
            try (var rig = input.rig(devices(8, 1))) {
                input.check(rig.run(new Grid("all_reduce", 3, 512)), 1, n + " tokens");
            }
        }
    }
}
