package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.DeviceLostError;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Mistakes planted in the kernels that multiply: the tests find each. */
class PlantedProductBugsTest {
    private static final String GEMM = "gemm.cuh";
    private static final String QKV = "qkv_projection.cu";
    private static final String GATE_UP = "gate_up.cu";
    private static final String RESIDUAL = "residual_projection.cu";

    /** Orders of threads to try before a mistake counts as unseen. */
    private static final int SEEDS = 4;

    /** A mistake and the test that must see it. */
    private record Planted(KernelMutation mutation, GemmTile tile, Check check) {}

    private interface Check {
        void run(ProductProblem problem, ProductChecks checks, GemmTile tile, String suffix);
    }

    private static final Check QKV_CHECK =
            (problem, checks, tile, suffix) ->
                    checks.qkv(
                            ProductRig.Way.of(
                                    tile,
                                    "qkv_projection",
                                    suffix,
                                    problem.qkv.rows(),
                                    problem.tokens));
    private static final Check GATE_UP_CHECK =
            (problem, checks, tile, suffix) ->
                    checks.gateUp(
                            ProductRig.Way.of(
                                    tile,
                                    "gate_up",
                                    suffix,
                                    problem.gateUp.rows(),
                                    problem.tokens));
    private static final Check RESIDUAL_CHECK =
            (problem, checks, tile, suffix) ->
                    checks.residual(
                            ProductRig.Way.of(
                                    tile,
                                    "residual_projection",
                                    suffix,
                                    problem.hidden,
                                    problem.tokens));

    private static final List<Planted> PLANTED =
            List.of(
                    gateUp(
                            "missing-barrier-before-reading",
                            GEMM,
                            "__syncthreads(); // the stage to read is there, and all have read the"
                                    + " one to write",
                            ""),
                    residual(
                            "missing-barrier-after-y",
                            GEMM,
                            "    if (multiplies) warp.store(y);\n    __syncthreads();\n",
                            "    if (multiplies) warp.store(y);\n"),
                    residual("missing-wait", GEMM, "cp_async_wait<Tile::STAGES - 2>();", ""),
                    residual(
                            "wait-for-one-group-too-few",
                            GEMM,
                            "cp_async_wait<Tile::STAGES - 2>();",
                            "cp_async_wait<Tile::STAGES - 1>();"),
                    residual(
                            "stage-written-that-is-read",
                            GEMM,
                            "        write = read;\n",
                            "        write = read + 1 == Tile::STAGES ? 0 : read + 1;\n"),
                    gateUp(
                            "wrong-lane-of-fragment",
                            GEMM,
                            "b_chunk = (lane / 8 % 2 ^ lane % 8) << 4;",
                            "b_chunk = (lane / 16 ^ lane % 8) << 4;"),
                    gateUp(
                            "wrong-swizzle",
                            GEMM,
                            "((chunk() ^ (n & 7)) << 4)",
                            "((chunk() ^ (n & 3)) << 4)"),
                    gateUp("unmasked-tokens", GEMM, "inside && rows[i] != NO_ROW", "inside"),
                    residual(
                            "unmasked-columns",
                            GEMM,
                            "inside && rows[i] != NO_ROW",
                            "rows[i] != NO_ROW"),
                    gateUp(
                            "unmasked-rows",
                            GATE_UP,
                            "if (first_row + in_tile >= p.weights.rows) return;",
                            ""),
                    gateUp(
                            "tokens-of-the-grid",
                            GEMM,
                            "return p.step.counts->tokens;",
                            "return gridDim.y * 8;"),
                    qkv(
                            "wrong-order-of-rows",
                            QKV,
                            "dim / 16 * 8 + dim % 8",
                            "dim / 16 * 8 + dim % 4"),
                    qkv("slot-of-padding-written", QKV, "if (slot < 0) return nullptr;", ""),
                    qkv(
                            "next-slot-of-the-page",
                            QKV,
                            "slot % pages.block_size;",
                            "(slot + 1) % pages.block_size;"),
                    residual(
                            "fold-of-squares-in-other-order",
                            "residual.cuh",
                            "(squares[0] + squares[2]) + (squares[1] + squares[3])",
                            "(squares[0] + squares[1]) + (squares[2] + squares[3])"),
                    gateUp(
                            "scale-without-last-groups",
                            "norm.cuh",
                            "const int quads = (groups + 3) / 4;",
                            "const int quads = groups / 4;"));

    private static Planted qkv(String name, String file, String correct, String wrong) {
        var mutation = new KernelMutation(name, QKV, file, correct, wrong);
        return new Planted(mutation, GemmTile.FEW_TOKENS, QKV_CHECK);
    }

    private static Planted gateUp(String name, String file, String correct, String wrong) {
        var mutation = new KernelMutation(name, GATE_UP, file, correct, wrong);
        return new Planted(mutation, GemmTile.SOME_TOKENS, GATE_UP_CHECK);
    }

    private static Planted residual(String name, String file, String correct, String wrong) {
        var mutation = new KernelMutation(name, RESIDUAL, file, correct, wrong);
        return new Planted(mutation, GemmTile.SOME_TOKENS, RESIDUAL_CHECK);
    }

    private CudaEmulator emulator;
    private Path library;

    @BeforeEach
    void start() {
        emulator = CudaEmulator.load();
    }

    @AfterEach
    void restoreKernels() {
        if (emulator != null) {
            emulator.setKernels(emulator.kernels());
        }
    }

    @Test
    void eachIsSeen() {
        var mutations = PLANTED.stream().map(Planted::mutation).toList();
        library = KernelMutation.buildTogether("planted-product-bugs", mutations, emulator);
        var unseen = new ArrayList<String>();
        for (var planted : PLANTED) {
            if (!isSeen(planted)) {
                unseen.add(planted.mutation.name());
            }
        }
        assertTrue(unseen.isEmpty(), () -> "not seen: " + unseen);
    }

    private boolean isSeen(Planted planted) {
        for (int seed = 1; seed <= SEEDS; seed++) {
            emulator.reset(1, 256 << 20);
            emulator.setKernels(library);
            emulator.setSeed(seed);
            var problem = new ProductProblem(new Random(seed), 5 + 8 * seed);
            var device = new CudaDevice(0, 0);
            try {
                device.run(() -> run(planted, problem, device));
            } catch (AssertionError | DeviceLostError | CudaException e) {
                return true;
            } finally {
                device.close();
            }
        }
        return false;
    }

    private void run(Planted planted, ProductProblem problem, CudaDevice device) {
        var suffix = planted.mutation.suffix();
        var names =
                planted.mutation.kernels().stream()
                        .map(name -> name + suffix)
                        .toArray(String[]::new);
        try (var kernels = EmulatedKernels.load(names);
                var rig = new ProductRig(device, kernels, problem)) {
            planted.check.run(problem, new ProductChecks(problem, rig), planted.tile, suffix);
        }
    }
}
