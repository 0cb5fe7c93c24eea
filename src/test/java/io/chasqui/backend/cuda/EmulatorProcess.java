package io.chasqui.backend.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jcuda.driver.JCudaDriver;

/** A process that uses the emulator as its driver; see {@link EmulatorProcessTest}. */
final class EmulatorProcess {
    private EmulatorProcess() {}

    /** With {@code touch}, reads memory of the device as if it were the host's. */
    public static void main(String[] arguments) throws InterruptedException {
        JCudaDriver.setExceptionsEnabled(true);
        JCudaDriver.cuInit(0);
        var count = new int[1];
        JCudaDriver.cuDeviceGetCount(count);
        try (var device = new EmulatedDevice(count[0] - 1)) {
            var total = new long[1];
            JCudaDriver.cuDeviceTotalMem(total, device.device());
            System.out.println(count[0] + " devices of " + total[0]);
            var data = device.upload(1f);
            if (arguments[0].equals("touch")) {
                Thread.sleep(200);
                var host = MemorySegment.ofAddress(StructParameter.addressOf(data)).reinterpret(4);
                System.out.println(host.get(ValueLayout.JAVA_FLOAT, 0));
            }
            System.out.println("read " + device.floats(data, 1)[0]);
        }
    }
}
