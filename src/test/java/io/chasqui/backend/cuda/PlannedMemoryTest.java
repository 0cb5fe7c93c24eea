package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.KvDType;
import io.chasqui.model.Checkpoint;
import io.chasqui.model.Geometry;
import io.chasqui.model.LlamaWeightsLoader;
import io.chasqui.model.ProgressListener;
import io.chasqui.quant.DType;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is planned is what devices see allocated. Their memory is addresses only. */
class PlannedMemoryTest {
    private static final int MAX_TOKENS = 512;
    private static final int MAX_ROWS = 96;
    private static final int BLOCK_SIZE = 16;
    private static final double TOLERANCE = 0.02;

    private CudaEmulator emulator;

    @BeforeEach
    void load() {
        emulator = CudaEmulator.load();
    }

    @AfterEach
    void restore() {
        emulator.reset(1, 64 << 20);
        emulator.setStub(false);
    }

    @ParameterizedTest
    @CsvSource({
        "llama-tiny, 1, 1",
        "llama-tiny, 4, 1",
        "llama-3.2-1b, 1, 8",
        "llama-3.1-8b, 1, 24",
        "llama-3.1-8b, 2, 24",
        "llama-3.1-70b, 8, 40",
        "llama-3.1-405b, 8, 140",
    })
    void devicesHoldWhatWasPlanned(String name, int ranks, int gib) {
        emulator.reset(ranks, (long) gib << 30);
        emulator.setStub(true);
        var geometry = Geometry.named(name);
        var shape = geometry.config().shape();
        var devices = IntStream.range(0, ranks).boxed().toList();
        try (var checkpoint = Checkpoint.dummy(geometry, DType.BF16, 1);
                var backend = EmulatedBackends.open(devices, EmulatedBackends.USUAL)) {
            long before = emulator.allocatedBytes(0);
            var plan =
                    backend.plan(
                                    shape,
                                    geometry.config().tiedHead(),
                                    MAX_TOKENS,
                                    MAX_ROWS,
                                    BLOCK_SIZE)
                            .orElseThrow();
            LlamaWeightsLoader.load(checkpoint, backend, ProgressListener.NONE);
            long weights = emulator.allocatedBytes(0) - before;
            assertNear(plan.weights(), weights, "weights");
            backend.allocateWorkspace(shape, MAX_TOKENS, MAX_ROWS);
            long workspace = emulator.allocatedBytes(0) - before - weights;
            assertNear(plan.workspace(), workspace, "workspace");
            int blocks = (int) Math.min(plan.blocks(), 1 << 20);
            try (var kvCache = backend.allocateKvCache(shape, KvDType.BF16, blocks, BLOCK_SIZE)) {
                long cache = emulator.allocatedBytes(0) - before - weights - workspace;
                assertNear(plan.blockBytes() * blocks, cache, "KV cache");
                assertEquals(kvCache.bytes(), ranks * plan.blockBytes() * blocks);
                for (int device = 0; device < ranks; device++) {
                    long all = emulator.allocatedBytes(device);
                    assertTrue(
                            all <= plan.usable() * (1 + TOLERANCE),
                            all + " bytes on device " + device + " of " + plan);
                }
            }
        }
    }

    private static void assertNear(long planned, long allocated, String what) {
        assertEquals(planned, allocated, planned * TOLERANCE, what);
    }
}
