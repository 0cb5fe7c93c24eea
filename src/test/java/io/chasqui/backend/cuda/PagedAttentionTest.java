package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.cuda.AttentionProblem.Sequence;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The kernels of attention against double precision, and against themselves. */
class PagedAttentionTest {
    /** Relative error of rounding to bf16, which has 8 bits. */
    private static final double ROUNDING = Math.scalb(1.0, -8);

    private CudaEmulator emulator;
    private AttentionRig rig;

    @BeforeEach
    void start() {
        emulator = CudaEmulator.load();
        rig = new AttentionRig(emulator);
    }

    @ParameterizedTest
    @CsvSource({
        "16, 1, 1, 4",
        "16, 5, 1, 16",
        "32, 8, 2, 1",
        "32, 6, 3, 16",
        "64, 9, 3, 32",
        "64, 16, 1, 24",
        "96, 4, 4, 64",
        "128, 8, 2, 16",
        "128, 3, 1, 7"
    })
    void agreesWithDoublePrecision(int headDim, int heads, int kvHeads, int blockSize) {
        var random = new Random(headDim * 31L + heads);
        var problem =
                new AttentionProblem(
                        heads,
                        kvHeads,
                        headDim,
                        blockSize,
                        random,
                        new Sequence(1, 1, 1),
                        new Sequence(2, 300 + random.nextInt(300), 1),
                        new Sequence(3, 64, 3),
                        new Sequence(4, 257 + random.nextInt(20), 19 + random.nextInt(20)));
        emulator.setSeed(headDim + heads);
        assertNear(problem, rig.run(problem, AttentionRig.planned(problem, 8), 3));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4})
    void anyPlanAndAnyGridGiveTheSameBits(int seed) {
        var random = new Random(seed);
        int[] headDims = {16, 32, 64, 128};
        int kvHeads = 1 + random.nextInt(2);
        int group = 1 + random.nextInt(5);
        var problem =
                new AttentionProblem(
                        kvHeads * group,
                        kvHeads,
                        headDims[seed % headDims.length],
                        1 + random.nextInt(40),
                        random,
                        new Sequence(1, 2 * AttentionProblem.ECHO, 1),
                        new Sequence(3, 1 + random.nextInt(700), 1),
                        new Sequence(2, 40 + random.nextInt(300), 1 + random.nextInt(40)));
        emulator.setSeed(0);
        short[] direct = rig.run(problem, AttentionRig.planned(problem, 1), 1);
        assertNear(problem, direct);
        for (int i = 0; i < 4; i++) {
            emulator.setSeed(seed + i);
            var plan = AttentionRig.random(problem, AttentionPlanner.MAX_ROWS / group, random);
            short[] other = rig.run(problem, plan, 1 + random.nextInt(7));
            assertArrayEquals(direct, other, "seed " + seed + ", plan " + i);
        }
        assertNear(
                problem,
                rig.runPlain(
                        problem,
                        AttentionRig.random(problem, AttentionPlanner.MAX_ROWS / group, random)));
    }

    /**
     * However a prompt is cut into steps and whatever is beside it, a token's bits are the same.
     */
    @ParameterizedTest
    @CsvSource({"32, 4, 2, 16, 1", "64, 7, 1, 32, 2", "16, 2, 2, 5, 3", "128, 4, 1, 16, 4"})
    void cutsAndBatchMatesDoNotMatter(
            int headDim, int heads, int kvHeads, int blockSize, int seed) {
        var random = new Random(seed);
        int length = 270 + random.nextInt(120);
        var whole =
                new AttentionProblem(
                        heads,
                        kvHeads,
                        headDim,
                        blockSize,
                        random,
                        new Sequence(7, length, length));
        emulator.setSeed(seed);
        short[] alone = rig.run(whole, AttentionRig.planned(whole, 8), 2);
        assertNear(whole, alone);
        for (int done = 0; done < length; ) {
            int tokens =
                    done + 1 == length || random.nextInt(3) == 0
                            ? 1
                            : 1 + random.nextInt(Math.min(150, length - 1 - done));
            var mates = new Sequence[] {mate(random), null, mate(random)};
            mates[1] = new Sequence(7, done + tokens, tokens);
            var step =
                    new AttentionProblem(
                            heads, kvHeads, headDim, 1 + random.nextInt(32), random, mates);
            emulator.setSeed(random.nextInt(100));
            short[] result = rig.run(step, AttentionRig.planned(step, 1 + random.nextInt(30)), 3);
            int row = heads * headDim;
            int from = mates[0].queries() * row;
            assertArrayEquals(
                    Arrays.copyOfRange(alone, done * row, (done + tokens) * row),
                    Arrays.copyOfRange(result, from, from + tokens * row),
                    "tokens " + done + " to " + (done + tokens) + " of seed " + seed);
            done += tokens;
        }
    }

    private static Sequence mate(Random random) {
        int length = 1 + random.nextInt(80);
        return new Sequence(random.nextLong(), length, 1 + random.nextInt(Math.min(length, 20)));
    }

    /** Every remainder of a tile and of a chunk, for rows that are few, many and in between. */
    @Test
    void everyLengthAroundTheEdgesIsRight() {
        var random = new Random(5);
        var sequences = new ArrayList<Sequence>();
        for (int edge : new int[] {0, 64, 128, 256, 512}) {
            for (int length = Math.max(1, edge - 2); length <= edge + 2; length++) {
                sequences.add(new Sequence(length, length, 1));
                sequences.add(new Sequence(length, length, Math.min(length, 9)));
            }
        }
        var problem =
                new AttentionProblem(4, 2, 16, 16, random, sequences.toArray(Sequence[]::new));
        for (int multiprocessors : new int[] {1, 40}) {
            emulator.setSeed(multiprocessors);
            assertNear(
                    problem, rig.run(problem, AttentionRig.planned(problem, multiprocessors), 5));
        }
    }

    @Test
    void aLongContextIsFoldedInTheSameOrderHoweverManyPiecesItHas() {
        var problem =
                new AttentionProblem(
                        4,
                        1,
                        32,
                        16,
                        new Random(6),
                        new Sequence(1, 16 * AttentionProblem.ECHO, 1));
        var direct = new AttentionRig.Plan(List.of(new int[] {0, 1, 0, 0, 19, -1}), List.of());
        short[] whole = rig.run(problem, direct, 1);
        assertNear(problem, whole);
        for (int multiprocessors : new int[] {1, 3, 20}) {
            var plan = AttentionRig.planned(problem, multiprocessors);
            assertArrayEquals(whole, rig.run(problem, plan, 2), plan.work().size() + " pieces");
        }
    }

    static void assertNear(AttentionProblem problem, short[] actual) {
        for (int t = 0; t < problem.batch.numTokens(); t++) {
            for (int h = 0; h < problem.heads; h++) {
                var expected = problem.expected(t, h);
                for (int d = 0; d < problem.headDim; d++) {
                    double want = expected.values()[d];
                    // Each weight is rounded to bf16, then the result. Sums in float add a
                    // hundredth.
                    double bound =
                            ROUNDING * (1.01 * expected.magnitudes()[d] + Math.abs(want)) + 1e-6;
                    float got =
                            AttentionProblem.number(
                                    actual[(t * problem.heads + h) * problem.headDim + d]);
                    assertTrue(
                            Math.abs(got - want) <= bound,
                            "token %d head %d dimension %d: %s, not %s ± %s"
                                    .formatted(t, h, d, got, want, bound));
                }
            }
        }
    }
}
