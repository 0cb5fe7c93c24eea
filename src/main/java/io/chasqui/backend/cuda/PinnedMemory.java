package io.chasqui.backend.cuda;

import static jcuda.driver.JCudaDriver.CU_MEMHOSTALLOC_PORTABLE;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemHostAlloc;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Host memory that devices copy from and to while the host goes on. */
final class PinnedMemory implements AutoCloseable {
    private final HostPointer pointer = new HostPointer();
    private final MemorySegment segment;

    PinnedMemory(String what, long bytes) {
        CudaError.check(
                cuMemHostAlloc(pointer, bytes, CU_MEMHOSTALLOC_PORTABLE),
                "%d bytes of pinned host memory for %s".formatted(bytes, what));
        segment = MemorySegment.ofAddress(pointer.address()).reinterpret(bytes);
    }

    MemorySegment segment() {
        return segment;
    }

    HostPointer pointer() {
        return pointer;
    }

    int getInt(long at) {
        return segment.get(ValueLayout.JAVA_INT, at);
    }

    float getFloat(long at) {
        return segment.get(ValueLayout.JAVA_FLOAT, at);
    }

    void put(long at, int value) {
        segment.set(ValueLayout.JAVA_INT, at, value);
    }

    void put(long at, float value) {
        segment.set(ValueLayout.JAVA_FLOAT, at, value);
    }

    void put(long at, int[] values, int count) {
        MemorySegment.copy(values, 0, segment, ValueLayout.JAVA_INT, at, count);
    }

    @Override
    public void close() {
        cuMemFreeHost(pointer);
    }
}
