package io.chasqui.backend.cuda;

import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/**
 * A device of the emulator with its primary context current on this thread: what tests of kernels
 * need of the driver. Errors are {@link jcuda.CudaException}s.
 */
public final class EmulatedDevice implements AutoCloseable {
    private final CUdevice device = new CUdevice();
    private final CUcontext context = new CUcontext();
    private final CUmodule module = new CUmodule();

    public EmulatedDevice(int ordinal) {
        JCudaDriver.setExceptionsEnabled(true);
        JCudaDriver.cuInit(0);
        JCudaDriver.cuDeviceGet(device, ordinal);
        JCudaDriver.cuDevicePrimaryCtxRetain(context, device);
        makeCurrent();
        JCudaDriver.cuModuleLoadData(module, new byte[] {0});
    }

    public void makeCurrent() {
        JCudaDriver.cuCtxSetCurrent(context);
    }

    public CUdevice device() {
        return device;
    }

    public CUcontext context() {
        return context;
    }

    public CUfunction function(String kernel) {
        var function = new CUfunction();
        JCudaDriver.cuModuleGetFunction(function, module, kernel);
        return function;
    }

    public CUdeviceptr allocate(long bytes) {
        var pointer = new CUdeviceptr();
        JCudaDriver.cuMemAlloc(pointer, bytes);
        return pointer;
    }

    public CUdeviceptr upload(float... values) {
        var pointer = allocate(4L * values.length);
        JCudaDriver.cuMemcpyHtoD(pointer, Pointer.to(values), 4L * values.length);
        return pointer;
    }

    public CUdeviceptr upload(int... values) {
        var pointer = allocate(4L * values.length);
        JCudaDriver.cuMemcpyHtoD(pointer, Pointer.to(values), 4L * values.length);
        return pointer;
    }

    /** Uploads bf16 numbers given as their bits. */
    public CUdeviceptr upload(short... values) {
        var pointer = allocate(2L * values.length);
        JCudaDriver.cuMemcpyHtoD(pointer, Pointer.to(values), 2L * values.length);
        return pointer;
    }

    public float[] floats(CUdeviceptr pointer, int count) {
        var values = new float[count];
        JCudaDriver.cuMemcpyDtoH(Pointer.to(values), pointer, 4L * count);
        return values;
    }

    public int[] ints(CUdeviceptr pointer, int count) {
        var values = new int[count];
        JCudaDriver.cuMemcpyDtoH(Pointer.to(values), pointer, 4L * count);
        return values;
    }

    public short[] shorts(CUdeviceptr pointer, int count) {
        var values = new short[count];
        JCudaDriver.cuMemcpyDtoH(Pointer.to(values), pointer, 2L * count);
        return values;
    }

    /** Launches a kernel on the default stream; each parameter points to its bytes. */
    public void launch(
            String kernel, int blocks, int threads, int sharedBytes, Pointer... parameters) {
        JCudaDriver.cuLaunchKernel(
                function(kernel),
                blocks,
                1,
                1,
                threads,
                1,
                1,
                sharedBytes,
                new CUstream(),
                Pointer.to(parameters),
                null);
    }

    public void synchronize() {
        JCudaDriver.cuCtxSynchronize();
    }

    /** The driver's error of a call that is expected to fail, or {@code CUDA_SUCCESS}. */
    public static int errorOf(Runnable call) {
        try {
            call.run();
            return CUresult.CUDA_SUCCESS;
        } catch (jcuda.CudaException e) {
            return errorNamed(e.getMessage());
        }
    }

    private static int errorNamed(String name) {
        for (int error = 0; error < 1000; error++) {
            if (CUresult.stringFor(error).equals(name)) {
                return error;
            }
        }
        throw new AssertionError("no error of the driver: " + name);
    }

    @Override
    public void close() {
        JCudaDriver.cuDevicePrimaryCtxRelease(device);
    }
}
