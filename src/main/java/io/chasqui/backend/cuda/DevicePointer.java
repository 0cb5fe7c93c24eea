package io.chasqui.backend.cuda;

import jcuda.driver.CUdeviceptr;

/** A device address as a number, which the driver binding hides. */
final class DevicePointer extends CUdeviceptr {

    /** Null, to be set by a call. */
    DevicePointer() {}

    DevicePointer(long address) {
        super(new CUdeviceptr(), address);
    }

    long address() {
        return getNativePointer() + getByteOffset();
    }
}
