package io.chasqui.cli;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * GPUs known by name, with the total that {@code cuMemGetInfo} reports: less than the data sheet
 * says, since the driver and error correction keep some. Of the totals that different drivers
 * report the smallest is taken.
 */
enum Gpu {
    RTX4090(23.6),
    L40S(44.3),
    A100_80(79.1),
    H100(79.1),
    H200(139.7),
    B200(178.3);

    private final long memory;

    Gpu(double gib) {
        memory = (long) (gib * (1L << 30));
    }

    /**
     * The GPU of this name.
     *
     * @throws UserException naming all
     */
    static Gpu named(String name) {
        return Arrays.stream(values())
                .filter(gpu -> gpu.label().equals(name.toUpperCase(Locale.ROOT)))
                .findFirst()
                .orElseThrow(
                        () ->
                                new UserException(
                                        "--gpu: no GPU '%s'; there are %s. Others: --memory SIZE."
                                                .formatted(name, labels())));
    }

    private static String labels() {
        return Arrays.stream(values()).map(Gpu::label).collect(Collectors.joining(", "));
    }

    String label() {
        return name().replace('_', '-');
    }

    /** Bytes. */
    long memory() {
        return memory;
    }
}
