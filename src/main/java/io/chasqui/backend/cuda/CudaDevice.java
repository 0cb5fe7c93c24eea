package io.chasqui.backend.cuda;

import static jcuda.driver.JCudaDriver.cuCtxEnablePeerAccess;
import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuDeviceCanAccessPeer;
import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuDeviceGetAttribute;
import static jcuda.driver.JCudaDriver.cuDeviceGetName;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRelease;
import static jcuda.driver.JCudaDriver.cuDevicePrimaryCtxRetain;
import static jcuda.driver.JCudaDriver.cuInit;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;
import static jcuda.driver.JCudaDriver.cuStreamQuery;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;

import io.chasqui.backend.DeviceLostError;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/**
 * One rank's hold on a GPU: a thread of its own, on which alone it calls the driver, the GPU's
 * primary context and a stream. Ranks may share a GPU.
 *
 * <p>Once the device is lost every call ends with the same error.
 */
final class CudaDevice implements AutoCloseable {
    private static final long WATCH_MILLIS = 100;

    private final int ordinal;
    private final ExecutorService thread;
    private final CUdevice device = new CUdevice();
    private final CUcontext context = new CUcontext();
    private final CUstream stream = new CUstream();
    private volatile DeviceLostError lost;
    private Future<Void> look = CompletableFuture.completedFuture(null);

    CudaDevice(int ordinal, int rank) {
        this.ordinal = ordinal;
        thread =
                Executors.newSingleThreadExecutor(
                        Thread.ofPlatform().daemon().name("cuda-rank-" + rank).factory());
        try {
            call(this::open);
        } catch (RuntimeException | Error e) {
            thread.shutdown();
            throw e;
        }
    }

    private Void open() {
        // Results are looked at, so that they can be told apart.
        JCudaDriver.setExceptionsEnabled(false);
        CudaError.check(cuInit(0), "starting the driver");
        CudaError.check(cuDeviceGet(device, ordinal), "opening GPU " + ordinal);
        CudaError.check(cuDevicePrimaryCtxRetain(context, device), "a context on GPU " + ordinal);
        CudaError.check(cuCtxSetCurrent(context), "a context on GPU " + ordinal);
        CudaError.check(
                cuStreamCreate(stream, CUstream_flags.CU_STREAM_DEFAULT),
                "a stream on GPU " + ordinal);
        return null;
    }

    int ordinal() {
        return ordinal;
    }

    /** Where everything runs in order. */
    CUstream stream() {
        return stream;
    }

    /** Starts a task on the device's thread. */
    <T> Future<T> submit(Callable<T> task) {
        if (lost != null) {
            return CompletableFuture.failedFuture(lost);
        }
        return thread.submit(
                () -> {
                    try {
                        return task.call();
                    } catch (DeviceLostError e) {
                        lose(e);
                        throw e;
                    }
                });
    }

    /** Ends all use of the device, because it or one that it works with is lost. */
    void lose(DeviceLostError error) {
        lost = error;
    }

    /** Runs a task on the device's thread. */
    <T> T call(Callable<T> task) {
        return await(submit(task));
    }

    /** Runs a task on the device's thread. */
    void run(Runnable task) {
        call(
                () -> {
                    task.run();
                    return null;
                });
    }

    /** Waits for a task, whose exception it throws. */
    static <T> T await(Future<T> task) {
        return await(task, () -> {});
    }

    /**
     * Waits for a task, whose exception it throws.
     *
     * @param meanwhile run now and then; may throw, which ends the waiting
     */
    static <T> T await(Future<T> task, Runnable meanwhile) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return task.get(WATCH_MILLIS, TimeUnit.MILLISECONDS);
                } catch (TimeoutException e) {
                    meanwhile.run();
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    throw unwrapped(e.getCause());
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static RuntimeException unwrapped(Throwable cause) {
        return switch (cause) {
            case RuntimeException e -> e;
            case Error e -> throw e;
            default -> new IllegalStateException(cause);
        };
    }

    /**
     * Throws if it is known that something launched has failed, and looks again when the device's
     * thread has time; waits for nothing.
     */
    void watch() {
        if (look.isDone()) {
            var last = look;
            look = submit(this::look);
            await(last);
        }
    }

    private Void look() {
        int result = cuStreamQuery(stream);
        if (result != CUresult.CUDA_ERROR_NOT_READY) {
            CudaError.check(result, "running on GPU " + ordinal);
        }
        return null;
    }

    /** Waits for all that was launched. For the device's thread. */
    void synchronize() {
        CudaError.check(cuStreamSynchronize(stream), "waiting for GPU " + ordinal);
    }

    /** A property by its number in {@link CUdevice_attribute}. For the device's thread. */
    int attribute(int attribute) {
        int[] value = new int[1];
        CudaError.check(
                cuDeviceGetAttribute(value, attribute, device), "properties of GPU " + ordinal);
        return value[0];
    }

    /** Compute capability, e.g. 9.0. For the device's thread. */
    String capability() {
        return attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
                + "."
                + attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    }

    /** The CUDA version of the driver, as 1000 times major plus 10 times minor. */
    int driverVersion() {
        int[] version = new int[1];
        CudaError.check(JCudaDriver.cuDriverGetVersion(version), "the driver's version");
        return version[0];
    }

    int multiprocessors() {
        return attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    }

    /** What the GPU is called. For the device's thread. */
    String name() {
        byte[] name = new byte[256];
        CudaError.check(cuDeviceGetName(name, name.length, device), "name of GPU " + ordinal);
        int end = 0;
        while (name[end] != 0) {
            end++;
        }
        return new String(name, 0, end, StandardCharsets.UTF_8);
    }

    /** Bytes that nobody has taken. For the device's thread. */
    long freeMemory() {
        return DeviceMemory.memory()[0];
    }

    /** Bytes that the GPU has. For the device's thread. */
    long totalMemory() {
        return DeviceMemory.memory()[1];
    }

    /**
     * Lets this device's kernels read and write another's memory. For the device's thread.
     *
     * @throws CudaException if the machine cannot do that
     */
    void reach(CudaDevice peer) {
        if (peer.ordinal == ordinal) {
            return;
        }
        int[] can = new int[1];
        CudaError.check(cuDeviceCanAccessPeer(can, device, peer.device), "peers of GPU " + ordinal);
        if (can[0] == 0) {
            throw new CudaException(
                    ("GPU %d cannot reach the memory of GPU %d; tensor parallelism needs that."
                                    + " Name other GPUs with --devices.")
                            .formatted(ordinal, peer.ordinal));
        }
        int result = cuCtxEnablePeerAccess(peer.context, 0);
        if (result != CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED) {
            CudaError.check(result, "reaching GPU %d from GPU %d".formatted(peer.ordinal, ordinal));
        }
    }

    /** Runs a task that frees what the device holds, unless that is lost already. */
    void free(Runnable task) {
        try {
            run(task);
        } catch (DeviceLostError e) {
            // What it held is lost with it.
        }
    }

    @Override
    public void close() {
        await(
                thread.submit(
                        () -> {
                            cuStreamDestroy(stream);
                            return cuDevicePrimaryCtxRelease(device);
                        }));
        thread.shutdown();
    }
}
