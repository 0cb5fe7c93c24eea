package io.chasqui.backend.cuda;

import io.chasqui.backend.LinearWeights;
import java.util.List;

/**
 * A matrix divided among the ranks, each part packed in tiles.
 *
 * @param parts of each rank
 */
record CudaMatrix(int rows, int columns, List<Part> parts) implements LinearWeights {

    /** What one rank holds. */
    record Part(DeviceMemory tiles, int rows, int columns) {

        /** Writes the struct {@code Matrix}. */
        void write(ParameterBlock parameters) {
            parameters.put(tiles.address()).put(rows).put(columns).endStruct();
        }
    }

    /** The tiles of each rank. */
    long[] addresses() {
        return parts.stream().mapToLong(part -> part.tiles().address()).toArray();
    }

    @Override
    public long bytes() {
        return parts.stream().mapToLong(part -> part.tiles().bytes()).sum();
    }
}
