package io.chasqui.backend.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;

/** A kernel's parameter block, written field by field with the alignment of a C struct. */
final class StructParameter {
    private final ByteBuffer bytes = ByteBuffer.allocateDirect(4096).order(ByteOrder.nativeOrder());

    StructParameter pointers(CUdeviceptr... pointers) {
        for (var pointer : pointers) {
            longs(pointer == null ? 0 : addressOf(pointer));
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

    /** The address that JCuda keeps to itself, of a pointer or handle. */
    static long addressOf(NativePointerObject object) {
        try {
            var address = NativePointerObject.class.getDeclaredMethod("getNativePointer");
            address.setAccessible(true);
            long offset = 0;
            if (object instanceof Pointer) {
                var bytes = Pointer.class.getDeclaredMethod("getByteOffset");
                bytes.setAccessible(true);
                offset = (long) bytes.invoke(object);
            }
            return (long) address.invoke(object) + offset;
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }
}
