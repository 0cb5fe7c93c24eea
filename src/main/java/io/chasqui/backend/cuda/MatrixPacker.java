package io.chasqui.backend.cuda;

import io.chasqui.loader.LinearSource;
import io.chasqui.quant.Dequantizer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Packs a rank's part of a matrix into tiles of bf16 on the host, one row of tiles at a time. Reads
 * of the sources only what the rank holds.
 */
final class MatrixPacker {
    /** Rows and columns of a tile. */
    static final int TILE = 64;

    static final long TILE_BYTES = (long) TILE * TILE * Short.BYTES;

    /** Elements of the 16-byte chunks that are swizzled. */
    private static final int CHUNK = 8;

    private final List<LinearSource> sources;
    private final Shard shard;
    private final int columnTiles;
    private final float[] row;

    MatrixPacker(List<LinearSource> stacked, Shard shard) {
        this.sources = stacked;
        this.shard = shard;
        columnTiles = Math.ceilDiv(shard.columns(), TILE);
        row = new float[stacked.getFirst().columns()];
    }

    /** Bytes of the packed part. */
    static long bytes(Shard shard) {
        long tiles =
                (long) Math.ceilDiv(shard.rows().length, TILE)
                        * Math.ceilDiv(shard.columns(), TILE);
        return tiles * TILE * TILE * Short.BYTES;
    }

    /** Packs it all into {@code target}. For the device's thread. */
    void pack(DeviceMemory target) {
        long bandBytes = (long) columnTiles * TILE * TILE * Short.BYTES;
        try (var arena = Arena.ofConfined()) {
            var band = arena.allocate(Math.max(1, bandBytes), Long.BYTES);
            for (int first = 0; first < shard.rows().length; first += TILE) {
                band.fill((byte) 0);
                int end = Math.min(first + TILE, shard.rows().length);
                for (int r = first; r < end; r++) {
                    read(shard.rows()[r]);
                    writeRow(band, r - first);
                }
                target.write(first / TILE * bandBytes, band);
            }
        }
    }

    /** Reads the columns held of a stacked row into {@link #row}. */
    private void read(int stackedRow) {
        int source = 0;
        int r = stackedRow;
        while (r >= sources.get(source).rows()) {
            r -= sources.get(source++).rows();
        }
        var matrix = sources.get(source);
        var type = matrix.dtype();
        int block = type.blockElements();
        int from = shard.firstColumn() / block * block;
        int to = Math.ceilDiv(shard.firstColumn() + shard.columns(), block) * block;
        long at = type.bytes((long) matrix.storedRow(r) * matrix.columns() + from);
        Dequantizer.dequantize(type, matrix.weightData(), at, row, from, to - from);
    }

    private void writeRow(MemorySegment band, int r) {
        for (int c = 0; c < shard.columns(); c++) {
            int chunk = c % TILE / CHUNK ^ r & 7;
            int at = c / TILE * TILE * TILE + r * TILE + chunk * CHUNK + c % CHUNK;
            band.setAtIndex(ValueLayout.JAVA_SHORT, at, Bf16.of(row[shard.firstColumn() + c]));
        }
    }
}
