package io.chasqui.backend.cpu;

import io.chasqui.backend.LinearWeights;
import io.chasqui.loader.LinearSource;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.List;

/**
 * Matrices stacked row on row, repacked for the kernels into tiles of {@value #TILE_ROWS} rows.
 *
 * <p>A tile is a run of words of 32 bits: first scales and minima, then codes, each in the order of
 * the columns; word w of row r lies at {@code (w * TILE_ROWS + r) * 4}. A word holds {@link
 * TileFormat#codesPerWord()} neighbouring columns, lowest first. So a vector load brings the same
 * columns of neighbouring rows, lanes are rows, and no sum ever crosses lanes.
 *
 * <p>Scale words: F32 one word per group, all scales before all minima; F16 with minimum one word
 * per group, the minimum in the high half; F16 without minimum two groups in one word, the first in
 * the low half.
 *
 * <p>A part is a run of rows of one format; it starts with a new tile, its last tile is filled up
 * with zeros. Tiles are numbered over all parts.
 */
final class PackedMatrix implements LinearWeights {
    /** Rows of a tile. */
    static final int TILE_ROWS = 32;

    /** Bytes of one word of all rows of a tile. */
    static final long WORD_STRIDE = 4L * TILE_ROWS;

    private static final long ALIGNMENT = 64;

    /**
     * Rows of one format.
     *
     * @param firstRow first row, counted over the whole matrix
     * @param firstTile first tile, counted over the whole matrix
     * @param offset bytes from the start of the data to its first tile
     * @param tileBytes bytes of one tile
     */
    record Part(
            TileFormat format,
            int firstRow,
            int rows,
            int firstTile,
            int tiles,
            long offset,
            long tileBytes) {

        long tileOffset(int tile) {
            return offset + (tile - firstTile) * tileBytes;
        }

        int tileRow(int tile) {
            return firstRow + (tile - firstTile) * TILE_ROWS;
        }

        /** Rows of a tile that are not padding. */
        int tileRows(int tile) {
            return Math.min(TILE_ROWS, firstRow + rows - tileRow(tile));
        }

        int endTile() {
            return firstTile + tiles;
        }
    }

    private final int rows;
    private final int columns;
    private final List<Part> parts;
    private final MemorySegment data;

    private PackedMatrix(int rows, int columns, List<Part> parts, MemorySegment data) {
        this.rows = rows;
        this.columns = columns;
        this.parts = parts;
        this.data = data;
    }

    /**
     * Packs matrices of the same number of columns, rows stacked in the order given.
     *
     * @param memory owns the packed data
     * @param parallel runs the packing, cut by tiles
     * @throws IllegalArgumentException if the numbers of columns differ or do not fill the blocks
     *     of a format
     */
    static PackedMatrix pack(
            List<LinearSource> stacked, SegmentAllocator memory, ParallelFor parallel) {
        int columns = stacked.getFirst().columns();
        for (LinearSource source : stacked) {
            requireColumns(source, columns);
        }
        List<List<LinearSource>> runs = runsOfEqualFormat(stacked);
        List<Part> parts = layOut(runs, columns);
        Part last = parts.getLast();
        MemorySegment data = memory.allocate(last.offset + last.tiles * last.tileBytes, ALIGNMENT);
        for (int i = 0; i < parts.size(); i++) {
            Part part = parts.get(i);
            TilePacker packer = new TilePacker(runs.get(i), part.format, columns);
            parallel.run(
                    part.tiles,
                    (from, to) -> {
                        for (int t = part.firstTile + from; t < part.firstTile + to; t++) {
                            packer.pack(
                                    part.tileRow(t) - part.firstRow,
                                    part.tileRows(t),
                                    data.asSlice(part.tileOffset(t), part.tileBytes));
                        }
                    });
        }
        return new PackedMatrix(last.firstRow + last.rows, columns, parts, data);
    }

    private static void requireColumns(LinearSource source, int columns) {
        if (source.columns() != columns) {
            throw new IllegalArgumentException(
                    "%s has %d columns, but is stacked on a matrix of %d"
                            .formatted(source.name(), source.columns(), columns));
        }
        int block = source.dtype().blockElements();
        if (columns % block != 0) {
            throw new IllegalArgumentException(
                    "%s has %d columns, which do not fill blocks of %d (%s)"
                            .formatted(source.name(), columns, block, source.dtype()));
        }
    }

    private static List<List<LinearSource>> runsOfEqualFormat(List<LinearSource> stacked) {
        List<List<LinearSource>> runs = new ArrayList<>();
        for (LinearSource source : stacked) {
            if (runs.isEmpty() || runs.getLast().getFirst().dtype() != source.dtype()) {
                runs.add(new ArrayList<>());
            }
            runs.getLast().add(source);
        }
        return runs;
    }

    private static List<Part> layOut(List<List<LinearSource>> runs, int columns) {
        List<Part> parts = new ArrayList<>();
        int row = 0;
        int tile = 0;
        long offset = 0;
        for (List<LinearSource> run : runs) {
            TileFormat format = TileFormat.of(run.getFirst().dtype());
            int rows = run.stream().mapToInt(LinearSource::rows).sum();
            int tiles = Math.ceilDiv(rows, TILE_ROWS);
            long tileBytes =
                    WORD_STRIDE * (format.scaleWords(columns) + (long) format.codeWords(columns));
            parts.add(new Part(format, row, rows, tile, tiles, offset, tileBytes));
            row += rows;
            tile += tiles;
            offset += tiles * tileBytes;
        }
        return List.copyOf(parts);
    }

    @Override
    public int rows() {
        return rows;
    }

    @Override
    public int columns() {
        return columns;
    }

    @Override
    public long bytes() {
        return data.byteSize();
    }

    /** Number of row tiles, the unit by which a product is cut into bands. */
    int tiles() {
        return parts.getLast().endTile();
    }

    List<Part> parts() {
        return parts;
    }

    MemorySegment data() {
        return data;
    }

    /** Writes the {@code columns} weights of a row, dequantised. */
    void readRow(int row, float[] target, int offset) {
        Part part = partOfRow(row);
        TileFormat format = part.format;
        int tile = part.firstTile + (row - part.firstRow) / TILE_ROWS;
        int r = (row - part.firstRow) % TILE_ROWS;
        TileReader reader = new TileReader(format, columns, data, part.tileOffset(tile));
        for (int k = 0; k < columns; k++) {
            target[offset + k] = reader.weight(r, k);
        }
    }

    private Part partOfRow(int row) {
        for (Part part : parts) {
            if (row >= part.firstRow && row < part.firstRow + part.rows) {
                return part;
            }
        }
        throw new IndexOutOfBoundsException("row " + row + " of " + rows);
    }
}
