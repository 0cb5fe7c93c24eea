package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.cuda.AttentionProblem.Sequence;
import java.util.Random;
import java.util.stream.Stream;
import jcuda.CudaException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Mistakes planted in the kernels of attention: a small run of their tests finds each. */
class PlantedAttentionBugsTest {
    private static final String MODULE = "paged_attention.cu";
    private static final int HEAD_DIM = 32;
    private static final int SEEDS = 8;

    private CudaEmulator emulator;

    static Stream<KernelMutation> bugs() {
        return Stream.of(
                bug("the-page-after-the-right-one", "table[key / size]", "table[(key + 1) / size]"),
                bug(
                        "a-token-sees-the-next-one",
                        "own + j * 8 + i % 2 >= seen[i / 2]",
                        "own + j * 8 + i % 2 > seen[i / 2]"),
                bug(
                        "slots-past-the-last-token-are-read",
                        "if (key >= static_cast<uint32_t>(limit)) {",
                        "if (key >= (limit + pages.block_size - 1) / pages.block_size"
                                + " * pages.block_size) {"),
                bug(
                        "fragments-of-keys-from-the-wrong-lanes",
                        "square_of_b<D>(keys,",
                        "square<D>(keys,"),
                bug(
                        "no-barrier-when-a-stage-is-due",
                        "cp_async_wait<STAGES - 2>();\n        __syncthreads();",
                        "cp_async_wait<STAGES - 2>();"),
                bug(
                        "a-stage-is-not-waited-for",
                        "cp_async_wait<STAGES - 2>();",
                        "cp_async_wait<STAGES - 1>();"),
                bug(
                        "locations-read-before-all-lanes-have-written-them",
                        "= location;\n        __syncwarp();",
                        "= location;"),
                bug(
                        "locations-of-the-tile-before",
                        "gather.set(location);\n            gather.copy(keys(tile + 2)",
                        "gather.copy(keys(tile + 2)"),
                bug(
                        "states-folded-from-the-last-chunk",
                        "const int stride = work.num_tokens * p.heads * (D / 2 + 1);",
                        "const int stride = -(work.num_tokens * p.heads * (D / 2 + 1));\n"
                                + "state -= (work.num_chunks - 1) * stride;"),
                bug(
                        "a-chunk-begins-with-the-state-of-the-one-before",
                        "                chunk.clear();\n            }",
                        "            }"),
                bug(
                        "accumulators-not-scaled-to-the-new-maximum",
                        "fmaf(o[half][i], factor[i / 2], sums[half][i])",
                        "o[half][i] + sums[half][i]"),
                bug(
                        "tokens-and-heads-of-a-group-mixed-up",
                        "return kv_head * group + row % group;",
                        "return kv_head * group + row / group % group;"),
                bug(
                        "tiles-of-a-chunk-that-a-block-keeps-are-folded-as-one-run",
                        "if (tile % TILES_PER_CHUNK == TILES_PER_CHUNK - 1"
                                + " || tile + 1 == piece.end_tile)",
                        "if (STORED && tile % TILES_PER_CHUNK == TILES_PER_CHUNK - 1"
                                + " || tile + 1 == piece.end_tile)"),
                bug(
                        "rows-beyond-the-piece-are-written",
                        "            if (row >= piece.rows) {\n"
                                + "                continue;\n"
                                + "            }\n"
                                + "            bf16* to",
                        "            bf16* to"));
    }

    private static KernelMutation bug(String name, String right, String wrong) {
        return new KernelMutation(name, MODULE, right, wrong);
    }

    @BeforeEach
    void load() {
        emulator = CudaEmulator.load();
    }

    @AfterEach
    void restoreKernels() {
        emulator.setKernels(emulator.kernels());
    }

    @Test
    void nothingIsFoundInTheRightKernels() {
        checkAll();
    }

    @ParameterizedTest
    @MethodSource("bugs")
    void isFound(KernelMutation bug) {
        emulator.setKernels(bug.build(emulator, PlantedAttentionBugsTest::oneWidthOfHeads));
        var found = assertThrows(Throwable.class, this::checkAll, bug + " is not found");
        assertTrue(
                found instanceof AssertionError || found instanceof CudaException, found::toString);
    }

    private static String oneWidthOfHeads(String source) {
        return source.replaceAll(
                "(?m)^(ATTENTION|KERNEL)\\((?!(\\w*_)?" + HEAD_DIM + "\\)).*$", "");
    }

    private void checkAll() {
        for (int seed = 1; seed <= SEEDS; seed++) {
            check(seed);
        }
    }

    /** A small run of all that {@link PagedAttentionTest} does. */
    private void check(int seed) {
        var random = new Random(seed);
        var rig = new AttentionRig(emulator);
        var problem =
                new AttentionProblem(
                        6,
                        2,
                        HEAD_DIM,
                        16,
                        random,
                        new Sequence(seed, 2 * AttentionProblem.ECHO, 1),
                        new Sequence(2, 290 + random.nextInt(40), 30),
                        new Sequence(3, 5, 3));
        emulator.setSeed(seed);
        var tokens = AttentionPlanner.MAX_ROWS / 3;
        short[] result = rig.run(problem, AttentionRig.planned(problem, 1), 1 + seed % 3);
        PagedAttentionTest.assertNear(problem, result);
        var plan = AttentionRig.random(problem, tokens, random);
        assertArrayEquals(result, rig.run(problem, plan, 2));
    }
}
