package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.LinearRole;
import io.chasqui.loader.LinearSource;
import io.chasqui.model.Checkpoint;
import io.chasqui.model.Geometry;
import io.chasqui.model.LlamaTensor;
import io.chasqui.quant.DType;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a device makes of seeds is what the host packs of the numbers made from them. */
class MatrixFillerTest {
    private CudaDevice device;

    @BeforeEach
    void open() {
        CudaEmulator.load().reset(1, 64 << 20);
        device = new CudaDevice(0, 0);
    }

    @AfterEach
    void close() {
        if (device != null) {
            device.close();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "llama-tiny, 1",
        "llama-tiny, 2",
        "llama-tiny, 4",
        "smollm2-135m, 1",
    })
    void makesTheTilesThatTheHostWouldPack(String name, int ranks) {
        var geometry = Geometry.named(name);
        try (var checkpoint = Checkpoint.dummy(geometry, 1, DType.BF16, 7)) {
            for (int rank = 0; rank < ranks; rank++) {
                compare(
                        checkpoint,
                        ranks,
                        rank,
                        LinearRole.QKV,
                        LlamaTensor.QUERY,
                        LlamaTensor.KEY,
                        LlamaTensor.VALUE);
                compare(
                        checkpoint,
                        ranks,
                        rank,
                        LinearRole.ATTENTION_OUTPUT,
                        LlamaTensor.ATTENTION_OUTPUT);
                compare(
                        checkpoint,
                        ranks,
                        rank,
                        LinearRole.GATE_UP,
                        LlamaTensor.GATE,
                        LlamaTensor.UP);
                compare(checkpoint, ranks, rank, LinearRole.DOWN, LlamaTensor.DOWN);
            }
        }
    }

    private void compare(
            Checkpoint checkpoint, int ranks, int rank, LinearRole role, LlamaTensor... tensors) {
        var sources = List.of(tensors).stream().map(t -> checkpoint.linear(t, 0)).toList();
        assertTrue(MatrixFiller.canMake(sources));
        var shard =
                Shard.of(
                        checkpoint.config().shape(),
                        role,
                        ranks,
                        rank,
                        sources.getFirst().columns());
        var what = role + " of rank " + rank + " of " + ranks;
        assertEquals(-1, device.call(() -> mismatch(sources, shard)), what);
    }

    private long mismatch(List<LinearSource> sources, Shard shard) {
        long bytes = MatrixPacker.bytes(shard);
        try (var kernels = new Kernels(EmulatedBackends.modules());
                var made = DeviceMemory.allocate("made", bytes);
                var packed = DeviceMemory.allocate("packed", bytes);
                var arena = Arena.ofConfined()) {
            new MatrixFiller(sources, shard).fill(made, device, kernels.get("fill"));
            new MatrixPacker(sources, shard).pack(packed);
            var left = arena.allocate(bytes);
            var right = arena.allocate(bytes);
            made.read(0, left);
            packed.read(0, right);
            return left.mismatch(right);
        }
    }

    @Test
    void storedAndQuantisedWeightsAreNotMade() {
        try (var checkpoint = Checkpoint.dummy(Geometry.LLAMA_TINY, 1, DType.Q8_0, 7)) {
            assertFalse(MatrixFiller.canMake(List.of(checkpoint.linear(LlamaTensor.DOWN, 0))));
        }
    }
}
