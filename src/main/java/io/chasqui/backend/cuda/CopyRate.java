package io.chasqui.backend.cuda;

import static jcuda.driver.JCudaDriver.cuMemcpyDtoDAsync;

import java.util.Arrays;

/**
 * How fast a GPU copies within its own memory: what a step's reading of weights and KV cache is
 * compared with.
 *
 * @param bytesPerSecond those read and those written, both counted; the median of several samples
 */
public record CopyRate(DeviceDescription device, double bytesPerSecond) {
    private static final int SAMPLES = 9;
    private static final int COPIES_PER_SAMPLE = 4;

    /**
     * Measures a GPU that {@link CudaProbe} has found usable.
     *
     * @param bytes of one copy; it should be many times the GPU's cache
     */
    public static CopyRate measure(int ordinal, long bytes) {
        try (var device = new CudaDevice(ordinal, 0)) {
            var description = DeviceDescription.of(device);
            return new CopyRate(description, device.call(() -> measure(device, bytes)));
        }
    }

    private static double measure(CudaDevice device, long bytes) {
        try (var from = DeviceMemory.allocate("copies", bytes);
                var to = DeviceMemory.allocate("copies", bytes)) {
            from.fill((byte) 1);
            seconds(device, from, to);
            double[] samples = new double[SAMPLES];
            Arrays.setAll(samples, _ -> seconds(device, from, to));
            Arrays.sort(samples);
            return 2.0 * bytes * COPIES_PER_SAMPLE / samples[SAMPLES / 2];
        }
    }

    private static double seconds(CudaDevice device, DeviceMemory from, DeviceMemory to) {
        device.synchronize();
        long begin = System.nanoTime();
        for (int i = 0; i < COPIES_PER_SAMPLE; i++) {
            CudaError.check(
                    cuMemcpyDtoDAsync(
                            new DevicePointer(to.address()),
                            new DevicePointer(from.address()),
                            from.bytes(),
                            device.stream()),
                    "copying");
        }
        device.synchronize();
        return (System.nanoTime() - begin) / 1e9;
    }
}
