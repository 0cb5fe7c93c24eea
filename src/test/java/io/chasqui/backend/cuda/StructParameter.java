package io.chasqui.backend.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;

/** A kernel's parameter block, written field by field with the alignment of a C struct. */
final class StructParameter {
    private final ByteBuffer bytes = ByteBuffer.allocateDirect(4096).order(ByteOrder.nativeOrder());

    StructParameter pointers(CUdeviceptr... pointers) {
        for (var pointer : pointers) {
            longs(pointer == null ? 0 : Address.of(pointer));
        }
        return this;
    }

    StructParameter longs(long... values) {
        for (long value : values) {
            align(8).putLong(value);
        }
        return this;
    }

    StructParameter ints(int... values) {
        for (int value : values) {
            align(4).putInt(value);
        }
        return this;
    }

    StructParameter floats(float... values) {
        for (float value : values) {
            align(4).putFloat(value);
        }
        return this;
    }

    /** What {@code cuLaunchKernel} takes as a parameter. */
    Pointer pointer() {
        return Pointer.to(bytes);
    }

    private ByteBuffer align(int alignment) {
        bytes.position((bytes.position() + alignment - 1) / alignment * alignment);
        return bytes;
    }

    /** Reads the address that JCuda keeps to itself. */
    private static final class Address extends CUdeviceptr {
        private Address(CUdeviceptr pointer) {
            super(pointer);
        }

        static long of(CUdeviceptr pointer) {
            var copy = new Address(pointer);
            return copy.getNativePointer() + copy.getByteOffset();
        }
    }
}
