package io.chasqui.backend.cuda;

import static io.chasqui.backend.cuda.EmulatedDevice.errorOf;
import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.util.Random;
import java.util.stream.IntStream;
import jcuda.Pointer;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Right kernels give right results on the emulator, through unmodified JCuda. */
class CudaEmulatorTest {
    private CudaEmulator emulator;

    @BeforeEach
    void start() {
        emulator = CudaEmulator.load();
        emulator.reset(1, 64 << 20);
    }

    @Test
    void sumsThroughSharedMemory() {
        try (var device = new EmulatedDevice(0)) {
            var in = device.upload(1, 2, 3, 4, 5, 6, 7, 8f);
            var out = device.allocate(8);
            var parameters = new StructParameter().pointers(in, out).ints(1);
            device.launch("block_sum", 2, 4, 16, parameters.pointer());
            assertArrayEquals(new float[] {10, 26}, device.floats(out, 2));
            assertEquals(1, emulator.launches(0));
        }
    }

    @Test
    void multipliesWithTensorCores() {
        int k = 64, tiles = 3;
        var random = new Random(7);
        var a = eighths(random, 16 * tiles * k);
        var b = eighths(random, 8 * k);
        var expected = new float[16 * tiles * 8];
        for (int i = 0; i < expected.length; i++) {
            int row = i / 8, column = i % 8;
            for (int j = 0; j < k; j++) {
                expected[i] += a[row * k + j] * b[column * k + j];
            }
        }
        for (int seed = 0; seed < 4; seed++) {
            emulator.setSeed(seed);
            try (var device = new EmulatedDevice(0)) {
                var out = device.allocate(4L * expected.length);
                var parameters =
                        new StructParameter()
                                .pointers(device.upload(bf16(a)), device.upload(bf16(b)), out)
                                .ints(k, 1);
                device.launch("tile_product", tiles, 32, 0, parameters.pointer());
                assertArrayEquals(expected, device.floats(out, expected.length), "seed " + seed);
            }
        }
    }

    @Test
    void warpOperationsHeedMasksAndWidths() {
        for (int seed = 0; seed < 4; seed++) {
            emulator.setSeed(seed);
            try (var device = new EmulatedDevice(0)) {
                var out = device.allocate(9 * 32 * 4);
                device.launch(
                        "warp_operations", 1, 32, 0, new StructParameter().pointers(out).pointer());
                var got = device.ints(out, 9 * 32);
                for (int lane = 0; lane < 32; lane++) {
                    assertEquals(lane ^ 5, got[lane]);
                    assertEquals(lane % 8 < 5 ? lane + 3 : lane, got[32 + lane]);
                    assertEquals(lane % 16 < 2 ? lane : lane - 2, got[64 + lane]);
                    assertEquals(lane / 8 * 8 + 3, got[96 + lane]);
                    assertEquals(0b01001001001001001001001001001001, got[128 + lane]);
                    assertEquals(lane < 16 ? 120 : 376, got[160 + lane]);
                    assertEquals(lane < 16 ? 0 : 1, got[192 + lane]);
                    assertEquals(lane < 16 ? 0 : 1, got[224 + lane]);
                    assertEquals(9, got[256 + lane]);
                }
            }
        }
    }

    @Test
    void atomicsCountEveryThread() {
        try (var device = new EmulatedDevice(0)) {
            var counters = device.upload(0, 0, 0, 0, 0);
            var sum = device.upload(0f);
            var parameters = new StructParameter().pointers(counters, sum);
            device.launch("count", 3, 64, 0, parameters.pointer());
            assertArrayEquals(new int[] {192, 191, 255, 1, 99}, device.ints(counters, 5));
            assertArrayEquals(new float[] {96}, device.floats(sum, 1));
        }
    }

    @Test
    void takesSeveralParameters() {
        try (var device = new EmulatedDevice(0)) {
            var out = device.allocate(8);
            device.launch(
                    "three_parameters",
                    1,
                    2,
                    0,
                    new StructParameter().pointers(out).pointer(),
                    Pointer.to(new int[] {40}),
                    Pointer.to(new double[] {2.5}));
            assertArrayEquals(new int[] {42, 42}, device.ints(out, 2));
        }
    }

    @Test
    void launchesThatJCudaLacksAreThereToo() throws Throwable {
        try (var device = new EmulatedDevice(0);
                var arena = Arena.ofConfined()) {
            var out = device.allocate(8);
            var launch =
                    Linker.nativeLinker()
                            .downcallHandle(
                                    SymbolLookup.libraryLookup("libcuda.so.1", arena)
                                            .findOrThrow("cuLaunchKernelEx"),
                                    FunctionDescriptor.of(
                                            JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
            var config = arena.allocate(56, 8);
            int[] shape = {1, 1, 1, 2, 1, 1};
            for (int i = 0; i < shape.length; i++) {
                config.setAtIndex(JAVA_INT, i, shape[i]);
            }
            var pointer = arena.allocateFrom(JAVA_LONG, StructParameter.addressOf(out));
            var parameters = arena.allocate(ADDRESS, 3);
            parameters.setAtIndex(ADDRESS, 0, pointer);
            parameters.setAtIndex(ADDRESS, 1, arena.allocateFrom(JAVA_INT, 40));
            parameters.setAtIndex(ADDRESS, 2, arena.allocateFrom(JAVA_DOUBLE, 2));
            var function = device.function("three_parameters");
            int error =
                    (int)
                            launch.invokeExact(
                                    config,
                                    MemorySegment.ofAddress(StructParameter.addressOf(function)),
                                    parameters,
                                    MemorySegment.NULL);
            assertEquals(CUresult.CUDA_SUCCESS, error);
            assertArrayEquals(new int[] {42, 42}, device.ints(out, 2));
        }
    }

    @Test
    void blocksOfAGridCanMeet() {
        emulator.setMultiprocessors(2);
        for (int seed = 0; seed < 4; seed++) {
            emulator.setSeed(seed);
            try (var device = new EmulatedDevice(0)) {
                var out = device.allocate(8 * 4);
                var parameters = new StructParameter().pointers(device.upload(0), out);
                device.launch("grid_barrier", 8, 512, 0, parameters.pointer());
                assertArrayEquals(IntStream.range(0, 8).toArray(), device.ints(out, 8));
            }
        }
    }

    @Test
    void countsAndLimitsMemory() {
        try (var device = new EmulatedDevice(0)) {
            device.allocate(1000);
            assertEquals(1024, emulator.allocatedBytes(0));
            assertEquals(
                    CUresult.CUDA_ERROR_OUT_OF_MEMORY, errorOf(() -> device.allocate(64 << 20)));
        }
        assertEquals(0, emulator.allocatedBytes(0));
        assertEquals(1024, emulator.peakBytes(0));
    }

    @Test
    void fillsMemoryAndSharedVariablesWithNaN() {
        try (var device = new EmulatedDevice(0)) {
            assertTrue(Float.isNaN(device.floats(device.allocate(4), 1)[0]));
            var out = device.allocate(3 * 32 * 4);
            device.launch(
                    "unwritten_shared", 3, 32, 0, new StructParameter().pointers(out).pointer());
            assertTrue(IntStream.of(device.ints(out, 96)).allMatch(value -> value == -1));
        }
    }

    @Test
    void stubsCostNothingAndHoldNothing() {
        emulator.reset(1, 1L << 40);
        emulator.setStub(true);
        try (var device = new EmulatedDevice(0)) {
            var large = device.allocate(900L << 30);
            assertEquals(900L << 30, emulator.allocatedBytes(0));
            var parameters = new StructParameter().pointers(large, null).ints(0, 0);
            device.launch("mistake", 1, 32, 0, parameters.pointer());
            device.synchronize();
            assertEquals(0, emulator.launches(0));
        }
    }

    private static float[] eighths(Random random, int count) {
        var values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextInt(-8, 9) / 8f;
        }
        return values;
    }

    private static short[] bf16(float... values) {
        var bits = new short[values.length];
        for (int i = 0; i < values.length; i++) {
            bits[i] = (short) (Float.floatToRawIntBits(values[i]) >>> 16);
        }
        return bits;
    }
}
