package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Mistakes planted in the kernels of sampling, embedding and all-reduce: the tests find each. */
class PlantedSamplingBugsTest {
    private static final String SAMPLING = "sampling.cu";
    private static final String ALL_REDUCE = "all_reduce.cu";
    private static final String EMBEDDING = "embedding.cu";

    /** A mistake and the test that finds it. */
    private record Planted(KernelMutation mutation, Executable test) {
        @Override
        public String toString() {
            return mutation.name();
        }
    }

    static List<Planted> samplingBugs() {
        return List.of(
                draws(
                        "missing-barrier-before-histogram",
                        "    __syncthreads();\n    visit_row(d, [&](int, float x) {\n        uint32_t",
                        "    visit_row(d, [&](int, float x) {\n        uint32_t"),
                draws("lost-carry", "(sum < low ? 1 : 0)", "0"),
                draws("mask-bits-reversed", ">> (id & 31) & 1", ">> (31 - (id & 31)) & 1"),
                draws("prompt-counts-as-output", "if (count > 0)", "if (count >= 0)"),
                draws("choice-not-in-the-key", "philox.cuh", "static_cast<uint32_t>(choice)", "0"),
                new Planted(
                        new KernelMutation(
                                "unmasked-tail",
                                SAMPLING,
                                "const int end = min(n, (s + 1) * length);",
                                "const int end = (s + 1) * length;"),
                        sampling(SamplingKernelTest::drawsWhatTheCpuAndTheReferenceDraw)),
                new Planted(
                        new KernelMutation(
                                "ties-of-a-cut-off-by-one",
                                SAMPLING,
                                "find_in_row(shared, d, wanted - 1, is_equal)",
                                "find_in_row(shared, d, wanted, is_equal)"),
                        sampling(SamplingKernelTest::equalLogitsAreCutAtTheLowestIds)),
                new Planted(
                        new KernelMutation(
                                "highest-id-wins-ties",
                                SAMPLING,
                                "return a > b ? a : b;",
                                "return a >> 32 == b >> 32 ? (a < b ? a : b) : a > b ? a : b;"),
                        sampling(SamplingKernelTest::equalLogitsAreCutAtTheLowestIds)),
                new Planted(
                        new KernelMutation(
                                "infinity-passes-as-finite",
                                SAMPLING,
                                "        best = Greatest()(best, isfinite(x) ? candidate(id, x) : NOT_FINITE);\n        if",
                                "        best = Greatest()(best, !isnan(x) ? candidate(id, x) : NOT_FINITE);\n        if"),
                        sampling(SamplingKernelTest::rowsThatAreNotFiniteAreToldAndHarmNoOther)));
    }

    static List<Planted> rankBugs() {
        return List.of(
                reduces(
                        "stale-epoch",
                        "rank_barrier.cuh",
                        "meeting = flags[rank][of_block + rank] + 1;",
                        "meeting = 1;"),
                reduces(
                        "second-meeting-missing",
                        ALL_REDUCE,
                        "    meet_ranks(p.flags, p.rank, p.ranks);\n    for",
                        "    for"),
                reduces(
                        "own-rank-first",
                        ALL_REDUCE,
                        "(p.partials[r])[quad]",
                        "(p.partials[(p.rank + r) % p.ranks])[quad]"),
                reduces(
                        "remainder-of-slices-lost",
                        ALL_REDUCE,
                        "(groups + ranks - 1) / ranks * QUADS",
                        "groups / ranks * QUADS"),
                new Planted(
                        new KernelMutation("no-swizzle", EMBEDDING, " ^ (r & 7)", ""), embedding()),
                new Planted(
                        new KernelMutation(
                                "padding-is-looked-up",
                                EMBEDDING,
                                "if (t >= p.step.counts->tokens) return;",
                                ""),
                        embedding()));
    }

    private static Planted draws(String name, String right, String wrong) {
        return draws(name, SAMPLING, right, wrong);
    }

    private static Planted draws(String name, String file, String right, String wrong) {
        return new Planted(
                new KernelMutation(name, SAMPLING, file, right, wrong),
                sampling(SamplingKernelTest::drawsWhatTheCpuAndTheReferenceDraw));
    }

    private static Planted reduces(String name, String file, String right, String wrong) {
        return new Planted(
                new KernelMutation(name, ALL_REDUCE, file, right, wrong),
                () -> {
                    var test = new AllReduceTest();
                    test.start();
                    test.bothFormsAddRanksInOrderWhateverTheGrid();
                    test.start();
                    test.aSlowRankIsWaitedForAndNotOverrun();
                });
    }

    /** A test of another class, which it is run on as JUnit would. */
    @FunctionalInterface
    private interface SamplingCheck {
        void run(SamplingKernelTest test);
    }

    private static Executable sampling(SamplingCheck check) {
        return () -> {
            var test = new SamplingKernelTest();
            test.start();
            try {
                check.run(test);
            } finally {
                test.stop();
            }
        };
    }

    private static Executable embedding() {
        return () -> {
            var test = new EmbeddingKernelTest();
            test.start();
            try {
                test.looksUpRowsInAllShards();
            } finally {
                test.stop();
            }
        };
    }

    @AfterEach
    void restoreKernels() {
        var emulator = CudaEmulator.load();
        emulator.setKernels(emulator.kernels());
    }

    @ParameterizedTest
    @MethodSource({"samplingBugs", "rankBugs"})
    void isFound(Planted planted) {
        var emulator = CudaEmulator.load();
        emulator.setKernels(planted.mutation().build(emulator));
        assertThrows(Throwable.class, planted.test(), planted + " is not found");
    }
}
