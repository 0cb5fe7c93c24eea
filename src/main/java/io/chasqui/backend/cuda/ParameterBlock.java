package io.chasqui.backend.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The parameters of one kernel, a struct of {@code params.cuh}, written field by field in the
 * struct's order with C's alignment. The driver copies them at each launch, so a block is written
 * again for the next.
 */
final class ParameterBlock {
    /** What the driver takes at most. */
    private static final int MAX_BYTES = 4096;

    private final MemorySegment fields;
    private final HostPointer arguments;
    private long at;

    ParameterBlock(Arena arena) {
        fields = arena.allocate(MAX_BYTES, 16);
        var addresses = arena.allocate(ValueLayout.ADDRESS);
        addresses.set(ValueLayout.ADDRESS, 0, fields);
        arguments = new HostPointer(addresses);
    }

    ParameterBlock begin() {
        at = 0;
        return this;
    }

    ParameterBlock put(int value) {
        fields.set(ValueLayout.JAVA_INT, at, value);
        at += Integer.BYTES;
        return this;
    }

    ParameterBlock put(float value) {
        fields.set(ValueLayout.JAVA_FLOAT, at, value);
        at += Float.BYTES;
        return this;
    }

    /** A pointer. */
    ParameterBlock put(long address) {
        endStruct();
        fields.set(ValueLayout.JAVA_LONG, at, address);
        at += Long.BYTES;
        return this;
    }

    /** An array of pointers, the rest of which is null. */
    ParameterBlock put(long[] addresses, int length) {
        for (int i = 0; i < length; i++) {
            put(i < addresses.length ? addresses[i] : 0L);
        }
        return this;
    }

    /** Pads a struct that holds pointers. */
    ParameterBlock endStruct() {
        at = (at + Long.BYTES - 1) & -Long.BYTES;
        return this;
    }

    /** Bytes written since {@link #begin}. */
    long size() {
        return at;
    }

    /** What {@code cuLaunchKernel} takes. */
    HostPointer arguments() {
        return arguments;
    }
}
