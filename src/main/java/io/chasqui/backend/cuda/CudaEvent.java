package io.chasqui.backend.cuda;

import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuEventSynchronize;
import static jcuda.driver.JCudaDriver.cuStreamWaitEvent;

import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;

/** A point in a device's stream that others wait for. Created and recorded on its thread. */
final class CudaEvent implements AutoCloseable {
    private final CUevent event = new CUevent();

    CudaEvent() {
        CudaError.check(
                cuEventCreate(event, CUevent_flags.CU_EVENT_DISABLE_TIMING), "creating an event");
    }

    /** Stands for all that the device was given so far. */
    void record(CudaDevice device) {
        CudaError.check(cuEventRecord(event, device.stream()), "recording an event");
    }

    /** Lets a device's stream, maybe of another rank, go on only when the event has happened. */
    void blockStream(CudaDevice device) {
        CudaError.check(cuStreamWaitEvent(device.stream(), event, 0), "waiting for an event");
    }

    /** Waits until it has happened; at once if it was never recorded. */
    void await() {
        CudaError.check(cuEventSynchronize(event), "waiting for a device");
    }

    @Override
    public void close() {
        cuEventDestroy(event);
    }
}
