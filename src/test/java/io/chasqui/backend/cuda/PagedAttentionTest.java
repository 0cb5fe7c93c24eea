package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.cuda.AttentionProblem.Sequence;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
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
                        new Sequence(1, 1 + random.nextInt(700), 1),
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

    private static void assertNear(AttentionProblem problem, short[] actual) {
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
