package io.chasqui.backend.cuda;

import static io.chasqui.backend.cuda.EmulatedDevice.errorOf;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.stream.IntStream;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Mistakes of kernels and of launches that the emulator exists to find. */
class EmulatorFindsMistakesTest {
    private static final int ILLEGAL_ADDRESS = CUresult.CUDA_ERROR_ILLEGAL_ADDRESS;
    private static final int TIMEOUT = CUresult.CUDA_ERROR_LAUNCH_TIMEOUT;
    private static final int FAILED = CUresult.CUDA_ERROR_LAUNCH_FAILED;
    private static final int MISALIGNED = CUresult.CUDA_ERROR_MISALIGNED_ADDRESS;
    private static final int INVALID_VALUE = CUresult.CUDA_ERROR_INVALID_VALUE;

    private CudaEmulator emulator;

    @BeforeEach
    void start() {
        emulator = CudaEmulator.load();
        emulator.reset(1, 64 << 20);
    }

    @Test
    void aMissingBarrierShowsUnderEverySeed() {
        var in = new float[64];
        Arrays.fill(in, 1);
        for (int seed = 1; seed <= 16; seed++) {
            emulator.setSeed(seed);
            try (var device = new EmulatedDevice(0)) {
                assertArrayEquals(new float[] {64}, blockSum(device, in, 1));
                assertTrue(Float.isNaN(blockSum(device, in, 0)[0]), "seed " + seed);
            }
        }
    }

    private static float[] blockSum(EmulatedDevice device, float[] in, int barrier) {
        var out = device.allocate(4);
        var parameters = new StructParameter().pointers(device.upload(in), out).ints(barrier);
        device.launch("block_sum", 1, in.length, 4 * in.length, parameters.pointer());
        return device.floats(out, 1);
    }

    @Test
    void aMissingWaitForCopiesReadsNaN() {
        for (int seed = 0; seed <= 16; seed++) {
            emulator.setSeed(seed);
            try (var device = new EmulatedDevice(0)) {
                var out = device.allocate(16 * 8 * 4);
                var parameters =
                        new StructParameter()
                                .pointers(
                                        device.upload(new short[16 * 16]),
                                        device.upload(new short[8 * 16]),
                                        out)
                                .ints(16, 0);
                device.launch("tile_product", 1, 32, 0, parameters.pointer());
                var values = device.floats(out, 16 * 8);
                assertTrue(
                        IntStream.range(0, values.length).anyMatch(i -> Float.isNaN(values[i])),
                        "seed " + seed);
            }
        }
    }

    @Test
    void aBarrierThatSomeThreadsNeverReachIsADeadlock() {
        assertFails(1, 0, TIMEOUT, "threads 0 to 15 wait at __syncthreads (emulator_kernels.cu:");
        assertTrue(emulator.lastFailure().contains("threads 16 to 31 have returned"));
    }

    @Test
    void threadsThatMeetAtDifferentBarriersFail() {
        assertFails(2, 0, FAILED, "different barriers");
    }

    @Test
    void accessesBeyondAnAllocationFail() {
        assertFails(3, 32, ILLEGAL_ADDRESS, "0 bytes beyond an allocation of 128 bytes");
        assertFails(3, 1 << 20, ILLEGAL_ADDRESS, "bytes beyond an allocation of 128 bytes");
        assertFails(3, -1, ILLEGAL_ADDRESS, "4 bytes before an allocation of 128 bytes");
        assertFails(15, 32, ILLEGAL_ADDRESS, "reads 4 bytes at");
        assertFails(16, 0, ILLEGAL_ADDRESS, "not the memory of a device");
    }

    @Test
    void addressesThatAreNotAlignedFail() {
        assertFails(17, 0, MISALIGNED, "must be aligned to 16 bytes");
    }

    @Test
    void withoutChecksOfAccessesRedZonesAndClosedPagesFindWrites() {
        var unchecked = emulator.buildKernels("unchecked", Path.of("src/test/cuda"), false);
        emulator.setKernels(unchecked);
        assertFails(3, 32, ILLEGAL_ADDRESS, "wrote 0 bytes beyond an allocation of 128 bytes");
        assertFails(3, 64, ILLEGAL_ADDRESS, "touches 0x");
        assertFails(3, -1, ILLEGAL_ADDRESS, "bytes before an allocation of 128 bytes");
        assertFails(8, 250, ILLEGAL_ADDRESS, "wrote 0 bytes beyond the block's 1000 bytes");
        assertFails(8, 256, ILLEGAL_ADDRESS, "touches 0x");
        assertFails(8, -2, ILLEGAL_ADDRESS, "before the block's dynamic shared memory");
        emulator.setKernels(emulator.kernels());
    }

    @Test
    void matricesThatAreNotAlignedOrNotSharedFail() {
        assertFails(4, 0, MISALIGNED, "ldmatrix");
        assertFails(5, 0, ILLEGAL_ADDRESS, "not in the block's shared memory");
    }

    @Test
    void warpOperationsThatNotAllLanesOfTheMaskReachFail() {
        assertFails(6, 0, TIMEOUT, "threads 0 to 15 wait at __shfl_xor_sync");
        assertFails(7, 0, FAILED, "not in the mask 0x0000ffff");
        assertFails(12, 0, FAILED, "lanes of a warp diverge");
    }

    @Test
    void sharedMemoryBeyondTheLaunchsFails() {
        assertFails(8, 250, ILLEGAL_ADDRESS, "0 bytes beyond the block's 1000 bytes of dynamic");
        assertFails(8, 256, ILLEGAL_ADDRESS, "24 bytes beyond the block's 1000 bytes of dynamic");
        assertFails(8, -2, ILLEGAL_ADDRESS, "8 bytes before the block's 1000 bytes of dynamic");
    }

    @Test
    void sharedMemoryHoldsNaNUntilWritten() {
        try (var device = new EmulatedDevice(0)) {
            var data = device.allocate(128);
            launchMistake(device, 14, 0, data);
            assertTrue(IntStream.of(device.ints(data, 32)).allMatch(value -> value == -1));
        }
    }

    @Test
    void aStackThatOverflowsFails() {
        assertFails(9, 0, ILLEGAL_ADDRESS, "touches 0x");
    }

    @Test
    void spinningForeverFailsAfterTheLimit() {
        emulator.setSpinLimit(Duration.ofMillis(50));
        assertFails(10, 0, TIMEOUT, "spins and nobody answers");
        assertTrue(emulator.lastFailure().contains("threads 0 to 0 wait at spin_pause"));
    }

    @Test
    void runningForeverFailsAfterTheLimit() {
        emulator.setSpinLimit(Duration.ofMillis(50));
        assertFails(18, 0, TIMEOUT, "thread (0, 0, 0): runs for too long");
    }

    @Test
    void copiesThatAreNotAlignedFail() {
        assertFails(11, 0, MISALIGNED, "cp_async_16");
    }

    @Test
    void divisionByZeroFails() {
        assertFails(13, 0, FAILED, "division by zero");
    }

    @Test
    void freedMemoryIsNotFoundAgain() {
        try (var device = new EmulatedDevice(0)) {
            var data = device.allocate(128);
            JCudaDriver.cuMemFree(data);
            assertEquals(
                    ILLEGAL_ADDRESS,
                    errorOf(
                            () -> {
                                launchMistake(device, 0, 0, data);
                                device.synchronize();
                            }));
            assertTrue(
                    emulator.lastFailure().contains("nothing is allocated"),
                    emulator.lastFailure());
        }
    }

    @Test
    void afterAFailureEveryCallFails() {
        try (var device = new EmulatedDevice(0)) {
            launchMistake(device, 13, 0, device.allocate(128));
            assertEquals(FAILED, errorOf(device::synchronize));
            assertEquals(FAILED, errorOf(() -> device.allocate(4)));
            assertEquals(FAILED, errorOf(() -> device.launch("mistake", 1, 1, 0)));
        }
        try (var device = new EmulatedDevice(0)) {
            device.allocate(4);
        }
    }

    @Test
    void launchesThatADeviceCannotRunAreRefused() {
        try (var device = new EmulatedDevice(0)) {
            var data = device.allocate(4 * 1024);
            var parameters = new StructParameter().pointers(data, null).ints(0, 0).pointer();
            assertEquals(
                    INVALID_VALUE, errorOf(() -> device.launch("mistake", 1, 1025, 0, parameters)));
            assertEquals(
                    INVALID_VALUE, errorOf(() -> device.launch("mistake", 0, 32, 0, parameters)));
            assertEquals(
                    INVALID_VALUE,
                    errorOf(() -> device.launch("mistake", 1, 32, 0, (Pointer) null)));
            assertEquals(
                    INVALID_VALUE,
                    errorOf(() -> device.launch("mistake", 1, 32, 49 * 1024, parameters)));
            var function = device.function("mistake");
            JCudaDriver.cuFuncSetAttribute(function, 8, 49 * 1024);
            device.launch("mistake", 1, 32, 49 * 1024, parameters);
            device.launch("mistake", 1, 1024, 0, parameters);
            device.synchronize();
        }
    }

    @Test
    void unknownKernelsAndStaleHandlesAreRefused() {
        try (var device = new EmulatedDevice(0)) {
            assertEquals(
                    CUresult.CUDA_ERROR_NOT_FOUND,
                    errorOf(() -> device.function("no_such_kernel")));
            var module = new CUmodule();
            JCudaDriver.cuModuleLoadData(module, new byte[] {0});
            var function = new CUfunction();
            JCudaDriver.cuModuleGetFunction(function, module, "append");
            JCudaDriver.cuModuleUnload(module);
            assertEquals(
                    CUresult.CUDA_ERROR_INVALID_HANDLE,
                    errorOf(() -> JCudaDriver.cuFuncSetAttribute(function, 8, 0)));
        }
    }

    @Test
    void copiesBeyondAnAllocationAreRefused() {
        try (var device = new EmulatedDevice(0)) {
            var data = device.allocate(16);
            assertEquals(INVALID_VALUE, errorOf(() -> device.ints(data, 5)));
            assertEquals(
                    INVALID_VALUE,
                    errorOf(() -> JCudaDriver.cuMemsetD32(data.withByteOffset(8), 0, 3)));
            assertEquals(4, device.ints(data, 4).length);
        }
    }

    /** Launches a block of 32 threads of a mistake and expects its failure. */
    private void assertFails(int kind, int value, int error, String message) {
        try (var device = new EmulatedDevice(0)) {
            launchMistake(device, kind, value, device.allocate(128));
            assertEquals(error, errorOf(device::synchronize));
            assertTrue(emulator.lastFailure().contains(message), emulator.lastFailure());
            assertTrue(emulator.lastFailure().contains("kernel mistake"), emulator.lastFailure());
        }
    }

    private static void launchMistake(
            EmulatedDevice device, int kind, int value, jcuda.driver.CUdeviceptr data) {
        var parameters = new StructParameter().pointers(data, null).ints(kind, value);
        device.launch("mistake", 1, 32, 1000, parameters.pointer());
    }
}
