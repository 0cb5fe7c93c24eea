package io.chasqui.backend.cuda;

import static io.chasqui.backend.cuda.EmulatedDevice.errorOf;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.stream.IntStream;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Several devices of the emulator, and faults injected into them. */
class EmulatorDevicesTest {
    private CudaEmulator emulator;

    @BeforeEach
    void start() {
        emulator = CudaEmulator.load();
        emulator.reset(2, 64 << 20);
    }

    @Test
    void kernelsOfTwoDevicesMeet() {
        for (int seed = 0; seed <= 8; seed++) {
            emulator.setSeed(seed);
            try (var first = new EmulatedDevice(0);
                    var second = new EmulatedDevice(1)) {
                JCudaDriver.cuCtxEnablePeerAccess(first.context(), 0);
                var secondCounters = second.upload(new int[6]);
                var secondOut = second.allocate(24);
                first.makeCurrent();
                JCudaDriver.cuCtxEnablePeerAccess(second.context(), 0);
                var firstCounters = first.upload(new int[6]);
                var firstOut = first.allocate(24);
                meet(first, new CUstream(), 6, firstCounters, secondCounters, firstOut);
                second.makeCurrent();
                meet(second, new CUstream(), 6, secondCounters, firstCounters, secondOut);
                var expected = IntStream.rangeClosed(1, 6).toArray();
                assertArrayEquals(expected, second.ints(secondOut, 6));
                first.makeCurrent();
                assertArrayEquals(expected, first.ints(firstOut, 6));
            }
        }
    }

    @Test
    void kernelsOfTwoStreamsOfOneDeviceMeet() {
        for (int seed = 0; seed <= 8; seed++) {
            emulator.setSeed(seed);
            try (var device = new EmulatedDevice(0)) {
                CUdeviceptr one = device.upload(new int[4]), two = device.upload(new int[4]);
                CUdeviceptr oneOut = device.allocate(16), twoOut = device.allocate(16);
                meet(device, stream(), 4, one, two, oneOut);
                meet(device, stream(), 4, two, one, twoOut);
                device.synchronize();
                assertArrayEquals(new int[] {1, 2, 3, 4}, device.ints(oneOut, 4));
                assertArrayEquals(new int[] {1, 2, 3, 4}, device.ints(twoOut, 4));
            }
        }
    }

    @Test
    void aKernelWhosePeerNeverRunsFails() {
        emulator.setSpinLimit(Duration.ofMillis(50));
        try (var device = new EmulatedDevice(0)) {
            CUdeviceptr one = device.upload(new int[4]), two = device.upload(new int[4]);
            meet(device, stream(), 4, one, two, device.allocate(16));
            assertEquals(CUresult.CUDA_ERROR_LAUNCH_TIMEOUT, errorOf(device::synchronize));
        }
    }

    @Test
    void copiesFromAPeerNeedAccessToIt() {
        try (var first = new EmulatedDevice(0);
                var second = new EmulatedDevice(1)) {
            var there = second.upload(7, 8);
            first.makeCurrent();
            var here = first.allocate(8);
            assertEquals(
                    CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
                    errorOf(() -> JCudaDriver.cuMemcpyDtoD(here, there, 8)));
            JCudaDriver.cuCtxEnablePeerAccess(second.context(), 0);
            JCudaDriver.cuMemcpyDtoD(here, there, 8);
            assertArrayEquals(new int[] {7, 8}, first.ints(here, 2));
        }
    }

    @Test
    void kernelsNeedAccessToAPeersMemory() {
        try (var first = new EmulatedDevice(0);
                var second = new EmulatedDevice(1)) {
            var there = second.upload(1f);
            first.makeCurrent();
            add(first, there);
            assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, errorOf(first::synchronize));
            assertTrue(
                    emulator.lastFailure().contains("in an allocation of device 1"),
                    emulator.lastFailure());
        }
        try (var first = new EmulatedDevice(0);
                var second = new EmulatedDevice(1)) {
            var there = second.upload(1f);
            first.makeCurrent();
            JCudaDriver.cuCtxEnablePeerAccess(second.context(), 0);
            add(first, there);
            first.synchronize();
            second.makeCurrent();
            assertArrayEquals(new float[] {2}, second.floats(there, 1));
        }
    }

    @Test
    void memoryThatIsNotUsedCostsNothing() {
        emulator.reset(2, 100L << 30);
        try (var device = new EmulatedDevice(0)) {
            var large = device.allocate(80L << 30);
            assertTrue(Float.isNaN(device.floats(large.withByteOffset(70L << 30), 1)[0]));
        }
    }

    @Test
    void anInjectedStickyErrorMeetsEveryLaterCallOfItsDeviceOnly() {
        emulator.addFaults("sticky@0:3=719");
        try (var first = new EmulatedDevice(0);
                var second = new EmulatedDevice(1)) {
            first.makeCurrent();
            var data = first.upload(0f);
            add(first, data);
            add(first, data);
            assertArrayEquals(new float[] {2}, first.floats(data, 1));
            add(first, data);
            int failed = CUresult.CUDA_ERROR_LAUNCH_FAILED;
            assertEquals(failed, errorOf(first::synchronize));
            assertEquals(failed, errorOf(() -> first.floats(data, 1)));
            assertEquals(failed, errorOf(() -> add(first, data)));
            second.makeCurrent();
            assertArrayEquals(new float[] {5}, second.floats(second.upload(5f), 1));
        }
    }

    @Test
    void injectedNaNCoversWhatTheKernelWrites() {
        emulator.addFaults("nan@add:2");
        try (var device = new EmulatedDevice(0)) {
            var data = device.upload(1f, 1f, 1f);
            add(device, data);
            assertArrayEquals(new float[] {2, 1, 1}, device.floats(data, 3));
            add(device, data);
            assertArrayEquals(new float[] {Float.NaN, 1, 1}, device.floats(data, 3));
        }
    }

    @Test
    void injectedLackOfMemoryMeetsOneAllocation() {
        emulator.addFaults("oom@1:2");
        try (var device = new EmulatedDevice(1)) {
            device.allocate(4);
            assertEquals(CUresult.CUDA_ERROR_OUT_OF_MEMORY, errorOf(() -> device.allocate(4)));
            device.allocate(4);
            assertEquals(3, emulator.allocations(1));
        }
    }

    @Test
    void faultsThatCannotBeReadAreRefused() {
        assertThrows(IllegalArgumentException.class, () -> emulator.addFaults("nan@add"));
        assertThrows(IllegalArgumentException.class, () -> emulator.addFaults("fire@0:1"));
    }

    @Test
    void namesItsDevices() {
        try (var device = new EmulatedDevice(1)) {
            var name = new byte[64];
            JCudaDriver.cuDeviceGetName(name, name.length, device.device());
            assertTrue(new String(name).startsWith("Emulated CUDA device"));
            var total = new long[1];
            JCudaDriver.cuDeviceTotalMem(total, device.device());
            assertEquals(64 << 20, total[0]);
            var major = new int[1];
            JCudaDriver.cuDeviceGetAttribute(major, 75, device.device());
            assertEquals(9, major[0]);
        }
    }

    private static CUstream stream() {
        var stream = new CUstream();
        JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING);
        return stream;
    }

    /** Adds one to the first number. */
    private static void add(EmulatedDevice device, CUdeviceptr data) {
        var parameters = new StructParameter().pointers(data, data).ints(1).floats(1);
        device.launch("add", 1, 32, 0, parameters.pointer());
    }

    private static void meet(
            EmulatedDevice device,
            CUstream stream,
            int blocks,
            CUdeviceptr own,
            CUdeviceptr peer,
            CUdeviceptr out) {
        var parameters = new StructParameter().pointers(own, peer, out);
        JCudaDriver.cuLaunchKernel(
                device.function("meet"),
                blocks,
                1,
                1,
                32,
                1,
                1,
                0,
                stream,
                Pointer.to(parameters.pointer()),
                null);
    }
}
