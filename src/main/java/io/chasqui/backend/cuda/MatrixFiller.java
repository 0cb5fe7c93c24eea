package io.chasqui.backend.cuda;

import io.chasqui.loader.LinearSource;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Makes a rank's part of a generated matrix on the device: only a counter for each row is uploaded.
 * The tiles are those that {@link MatrixPacker} would make of the same sources.
 */
final class MatrixFiller {
    /** Name of the kernel. */
    static final String KERNEL = "fill";

    private static final int THREADS = 256;

    private final List<LinearSource> sources;
    private final Shard shard;

    MatrixFiller(List<LinearSource> stacked, Shard shard) {
        this.sources = stacked;
        this.shard = shard;
    }

    /** Whether the device can make all of these. */
    static boolean canMake(List<LinearSource> sources) {
        return sources.stream().allMatch(source -> source.seed().isPresent());
    }

    /** Fills {@code target} and waits. For the device's thread. */
    void fill(DeviceMemory target, CudaDevice device, Kernel kernel) {
        try (var arena = Arena.ofConfined();
                var counters =
                        DeviceMemory.allocate(
                                "seeds of rows", shard.rows().length * (long) Long.BYTES)) {
            counters.write(0, arena.allocateFrom(ValueLayout.JAVA_LONG, counters()));
            kernel.parameters()
                    .put(target.address())
                    .put(shard.rows().length)
                    .put(shard.columns())
                    .put(counters.address());
            int tiles = Math.toIntExact(target.bytes() / MatrixPacker.TILE_BYTES);
            kernel.launch(device.stream(), tiles, 1, THREADS, 0);
            device.synchronize();
        }
    }

    /** For each packed row, seed and index of its first element: the noise is of their sum. */
    private long[] counters() {
        var counters = new long[shard.rows().length];
        for (int i = 0; i < counters.length; i++) {
            int row = shard.rows()[i];
            int source = 0;
            while (row >= sources.get(source).rows()) {
                row -= sources.get(source++).rows();
            }
            var matrix = sources.get(source);
            long index = (long) matrix.storedRow(row) * matrix.columns() + shard.firstColumn();
            counters[i] = matrix.seed().orElseThrow() + index;
        }
        return counters;
    }
}
