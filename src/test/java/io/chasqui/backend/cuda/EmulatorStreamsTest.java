package io.chasqui.backend.cuda;

import static io.chasqui.backend.cuda.EmulatedDevice.errorOf;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashSet;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Streams, events and graphs of the emulator. */
class EmulatorStreamsTest {
    private static final int CAPTURE_UNSUPPORTED = CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    private static final int CAPTURE_INVALIDATED = CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;

    private CudaEmulator emulator;

    @BeforeEach
    void start() {
        emulator = CudaEmulator.load();
        emulator.reset(1, 64 << 20);
    }

    @Test
    void aPinnedBufferThatIsWrittenTooEarlyShows() {
        try (var device = new EmulatedDevice(0)) {
            var stream = stream();
            var pinned = new Pointer();
            JCudaDriver.cuMemHostAlloc(pinned, 4, 0);
            var host = pinned.getByteBuffer(0, 4).order(ByteOrder.nativeOrder());
            var data = device.allocate(4);
            host.putInt(0, 1);
            JCudaDriver.cuMemcpyHtoDAsync(data, pinned, 4, stream);
            host.putInt(0, 2);
            JCudaDriver.cuStreamSynchronize(stream);
            assertArrayEquals(new int[] {2}, device.ints(data, 1));
            JCudaDriver.cuMemFreeHost(pinned);
        }
    }

    @Test
    void aResultReadBeforeItIsThereShows() {
        try (var device = new EmulatedDevice(0)) {
            var stream = stream();
            var pinned = new Pointer();
            JCudaDriver.cuMemHostAlloc(pinned, 4, 0);
            var host = pinned.getByteBuffer(0, 4).order(ByteOrder.nativeOrder());
            var data = device.upload(5);
            JCudaDriver.cuMemcpyDtoHAsync(pinned, data, 4, stream);
            assertEquals(0, host.getInt(0));
            JCudaDriver.cuStreamSynchronize(stream);
            assertEquals(5, host.getInt(0));
        }
    }

    @Test
    void parametersAreCopiedAtTheLaunch() {
        try (var device = new EmulatedDevice(0)) {
            var stream = stream();
            var list = device.upload(new int[8]);
            for (int i = 1; i <= 3; i++) {
                append(device, stream, list, i);
            }
            JCudaDriver.cuStreamSynchronize(stream);
            assertArrayEquals(new int[] {3, 1, 2, 3}, device.ints(list, 4));
        }
    }

    @Test
    void independentStreamsRunInAnyOrder() {
        var orders = new HashSet<String>();
        for (int seed = 1; seed <= 16; seed++) {
            emulator.reset(1, 1 << 20);
            emulator.setSeed(seed);
            try (var device = new EmulatedDevice(0)) {
                CUstream first = stream(), second = stream();
                var list = device.upload(new int[8]);
                append(device, first, list, 1);
                append(device, first, list, 2);
                append(device, second, list, 3);
                append(device, second, list, 4);
                device.synchronize();
                var got = Arrays.toString(device.ints(list, 5));
                assertTrue(got.indexOf('1') < got.indexOf('2'), got);
                assertTrue(got.indexOf('3') < got.lastIndexOf('4'), got);
                orders.add(got);
            }
        }
        assertTrue(orders.size() > 2, orders.toString());
    }

    @Test
    void anEventOrdersTwoStreams() {
        for (int seed = 0; seed <= 16; seed++) {
            emulator.setSeed(seed);
            try (var device = new EmulatedDevice(0)) {
                CUstream first = stream(), second = stream();
                CUevent event = event(), end = event();
                var list = device.upload(new int[8]);
                append(device, first, list, 1);
                JCudaDriver.cuEventRecord(event, first);
                JCudaDriver.cuStreamWaitEvent(second, event, 0);
                append(device, second, list, 2);
                JCudaDriver.cuEventRecord(end, second);
                assertEquals(
                        CUresult.CUDA_ERROR_NOT_READY,
                        errorOf(() -> JCudaDriver.cuEventElapsedTime(new float[1], event, end)));
                JCudaDriver.cuEventSynchronize(end);
                assertArrayEquals(new int[] {2, 1, 2}, device.ints(list, 3));
                var milliseconds = new float[1];
                JCudaDriver.cuEventElapsedTime(milliseconds, event, end);
                assertTrue(milliseconds[0] >= 0);
            }
        }
    }

    @Test
    void aGraphRepeatsWhatWasCaptured() {
        try (var device = new EmulatedDevice(0)) {
            var stream = stream();
            var list = device.upload(new int[8]);
            begin(stream);
            append(device, stream, list, 5);
            append(device, stream, list, 6);
            var exec = instantiate(end(stream));
            assertArrayEquals(new int[] {0}, device.ints(list, 1));
            JCudaDriver.cuGraphUpload(exec, stream);
            JCudaDriver.cuGraphLaunch(exec, stream);
            JCudaDriver.cuGraphLaunch(exec, stream);
            JCudaDriver.cuStreamSynchronize(stream);
            assertArrayEquals(new int[] {4, 5, 6, 5, 6}, device.ints(list, 5));
            assertEquals(4, emulator.launches(0));
            JCudaDriver.cuGraphExecDestroy(exec);
            assertEquals(
                    CUresult.CUDA_ERROR_INVALID_HANDLE,
                    errorOf(() -> JCudaDriver.cuGraphLaunch(exec, stream)));
        }
    }

    @Test
    void branchesOfAGraphRunInAnyOrder() {
        var orders = new HashSet<String>();
        for (int seed = 1; seed <= 16; seed++) {
            emulator.setSeed(seed);
            try (var device = new EmulatedDevice(0)) {
                CUstream stream = stream(), branch = stream();
                CUevent fork = event(), join = event();
                var list = device.upload(new int[8]);
                begin(stream);
                append(device, stream, list, 1);
                JCudaDriver.cuEventRecord(fork, stream);
                JCudaDriver.cuStreamWaitEvent(branch, fork, 0);
                append(device, branch, list, 2);
                append(device, stream, list, 3);
                JCudaDriver.cuEventRecord(join, branch);
                JCudaDriver.cuStreamWaitEvent(stream, join, 0);
                append(device, stream, list, 4);
                var exec = instantiate(end(stream));
                JCudaDriver.cuGraphLaunch(exec, stream);
                JCudaDriver.cuStreamSynchronize(stream);
                orders.add(Arrays.toString(device.ints(list, 5)));
            }
        }
        assertEquals(
                new HashSet<>(java.util.List.of("[4, 1, 2, 3, 4]", "[4, 1, 3, 2, 4]")), orders);
    }

    @Test
    void aBranchThatIsNotJoinedEndsTheCaptureInAnError() {
        try (var device = new EmulatedDevice(0)) {
            CUstream stream = stream(), branch = stream();
            var fork = event();
            var list = device.upload(new int[8]);
            begin(stream);
            JCudaDriver.cuEventRecord(fork, stream);
            JCudaDriver.cuStreamWaitEvent(branch, fork, 0);
            append(device, branch, list, 2);
            assertEquals(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNJOINED, errorOf(() -> end(stream)));
        }
    }

    @Test
    void callsThatAllocateOrWaitSpoilACapture() {
        try (var device = new EmulatedDevice(0)) {
            var data = device.allocate(16);
            assertSpoils(device, stream -> device.allocate(4));
            assertSpoils(device, stream -> JCudaDriver.cuMemFree(data));
            assertSpoils(device, stream -> device.synchronize());
            assertSpoils(device, JCudaDriver::cuStreamSynchronize);
            assertSpoils(device, JCudaDriver::cuStreamQuery);
            assertSpoils(device, stream -> device.ints(data, 4));
            assertSpoils(
                    device, stream -> JCudaDriver.cuModuleLoadData(new CUmodule(), new byte[] {0}));
            assertSpoils(
                    device,
                    stream ->
                            JCudaDriver.cuMemcpyHtoDAsync(
                                    data, Pointer.to(new int[4]), 16, stream));
        }
    }

    private void assertSpoils(EmulatedDevice device, java.util.function.Consumer<CUstream> call) {
        var stream = stream();
        begin(stream);
        assertEquals(CAPTURE_UNSUPPORTED, errorOf(() -> call.accept(stream)));
        assertEquals(CAPTURE_INVALIDATED, errorOf(() -> end(stream)));
        device.synchronize();
    }

    @Test
    void anotherThreadMayAllocateWhileThisOneCaptures() throws InterruptedException {
        try (var device = new EmulatedDevice(0)) {
            var stream = stream();
            begin(stream);
            var error = new int[] {-1};
            var other =
                    Thread.ofPlatform()
                            .start(
                                    () -> {
                                        device.makeCurrent();
                                        error[0] = errorOf(() -> device.allocate(4));
                                    });
            other.join();
            assertEquals(CUresult.CUDA_SUCCESS, error[0]);
            end(stream);
        }
    }

    @Test
    void aStreamsWorkRunsWithoutAnybodyWaiting() throws InterruptedException {
        try (var device = new EmulatedDevice(0)) {
            append(device, stream(), device.upload(new int[8]), 1);
            long deadline = System.nanoTime() + 10_000_000_000L;
            while (emulator.launches(0) == 0) {
                if (System.nanoTime() > deadline) {
                    fail("the launch never ran");
                }
                Thread.sleep(1);
            }
        }
    }

    private static CUstream stream() {
        var stream = new CUstream();
        JCudaDriver.cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING);
        return stream;
    }

    private static CUevent event() {
        var event = new CUevent();
        JCudaDriver.cuEventCreate(event, 0);
        return event;
    }

    private static void begin(CUstream stream) {
        JCudaDriver.cuStreamBeginCapture(
                stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
    }

    private static CUgraph end(CUstream stream) {
        var graph = new CUgraph();
        JCudaDriver.cuStreamEndCapture(stream, graph);
        return graph;
    }

    private static CUgraphExec instantiate(CUgraph graph) {
        var exec = new CUgraphExec();
        JCudaDriver.cuGraphInstantiate(exec, graph, 0L);
        JCudaDriver.cuGraphDestroy(graph);
        return exec;
    }

    private static void append(
            EmulatedDevice device, CUstream stream, CUdeviceptr list, int value) {
        var parameters = new StructParameter().pointers(list).ints(value);
        JCudaDriver.cuLaunchKernel(
                device.function("append"),
                1,
                1,
                1,
                1,
                1,
                1,
                0,
                stream,
                Pointer.to(parameters.pointer()),
                null);
    }
}
