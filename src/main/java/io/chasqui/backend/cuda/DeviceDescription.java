package io.chasqui.backend.cuda;

/**
 * What a GPU is.
 *
 * @param driver the CUDA version that the driver is for, e.g. 13.0
 * @param capability compute capability, e.g. 9.0
 */
public record DeviceDescription(
        String name, String driver, String capability, int multiprocessors, long memoryBytes) {

    static DeviceDescription of(CudaDevice device) {
        return device.call(
                () ->
                        new DeviceDescription(
                                device.name(),
                                version(device.driverVersion()),
                                device.capability(),
                                device.multiprocessors(),
                                device.totalMemory()));
    }

    private static String version(int number) {
        return number / 1000 + "." + number % 1000 / 10;
    }

    @Override
    public String toString() {
        return "%s, compute capability %s, %d multiprocessors, %d MiB; driver for CUDA %s"
                .formatted(name, capability, multiprocessors, memoryBytes >> 20, driver);
    }
}
