package io.chasqui.backend.cuda;

import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemGetInfo;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static jcuda.driver.JCudaDriver.cuMemsetD8;

import java.lang.foreign.MemorySegment;
import jcuda.driver.CUresult;

/** Memory of one device. All methods are for the device's thread. */
final class DeviceMemory implements AutoCloseable {
    private static final DeviceMemory NONE = new DeviceMemory("nothing", 0, 0);

    private final String what;
    private final long address;
    private final long bytes;

    private DeviceMemory(String what, long address, long bytes) {
        this.what = what;
        this.address = address;
        this.bytes = bytes;
    }

    /**
     * @param what it is for, for messages
     * @throws OutOfDeviceMemoryException if there is too little
     */
    static DeviceMemory allocate(String what, long bytes) {
        if (bytes == 0) {
            return NONE;
        }
        var pointer = new DevicePointer();
        int result = cuMemAlloc(pointer, bytes);
        if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
            throw new OutOfDeviceMemoryException(
                    "%s need %,d bytes, of %,d the device has %,d left"
                            .formatted(what, bytes, memory()[1], memory()[0]));
        }
        CudaError.check(result, "%d bytes for %s".formatted(bytes, what));
        return new DeviceMemory(what, pointer.address(), bytes);
    }

    /** Free and total bytes of the current device. */
    static long[] memory() {
        long[] free = new long[1];
        long[] total = new long[1];
        CudaError.check(cuMemGetInfo(free, total), "asking for free memory");
        return new long[] {free[0], total[0]};
    }

    /** 0 when it is empty. */
    long address() {
        return address;
    }

    long bytes() {
        return bytes;
    }

    void fill(byte value) {
        fill(0, bytes, value);
    }

    void fill(long at, long count, byte value) {
        if (count > 0) {
            CudaError.check(
                    cuMemsetD8(new DevicePointer(address + at), value, count), "filling " + what);
        }
    }

    /** Copies native memory to it and waits. */
    void write(long at, MemorySegment from) {
        checkRange(at, from.byteSize());
        CudaError.check(
                cuMemcpyHtoD(
                        new DevicePointer(address + at), new HostPointer(from), from.byteSize()),
                "writing " + what);
    }

    /** Copies it to native memory and waits. */
    void read(long at, MemorySegment to) {
        checkRange(at, to.byteSize());
        CudaError.check(
                cuMemcpyDtoH(new HostPointer(to), new DevicePointer(address + at), to.byteSize()),
                "reading " + what);
    }

    private void checkRange(long at, long count) {
        if (at < 0 || count > bytes - at) {
            throw new IndexOutOfBoundsException(
                    "%d bytes at %d of %s, which has %d".formatted(count, at, what, bytes));
        }
    }

    @Override
    public void close() {
        if (bytes > 0) {
            cuMemFree(new DevicePointer(address));
        }
    }
}
