package io.chasqui.backend.cuda;

import java.lang.foreign.MemorySegment;
import jcuda.Pointer;

/** An address outside the heap, as the driver binding takes it without a copy. */
final class HostPointer extends Pointer {

    /** Null, to be set by a call. */
    HostPointer() {}

    /**
     * @param memory native; must outlive the pointer
     */
    HostPointer(MemorySegment memory) {
        super(memory.address());
    }

    long address() {
        return getNativePointer();
    }
}
