package io.chasqui.backend.cpu;

import static io.chasqui.backend.cpu.PackedActivations.TOKENS;
import static io.chasqui.backend.cpu.PackedMatrix.TILE_ROWS;
import static io.chasqui.backend.cpu.PackedMatrix.WORD_STRIDE;
import static io.chasqui.backend.cpu.TileKernels.GROUP_VECTORS;
import static io.chasqui.backend.cpu.TileKernels.SINGLE_VECTORS;

import io.chasqui.backend.cpu.PackedMatrix.Part;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.VectorSpecies;

/**
 * The product on the Vector API.
 *
 * <p>One token is bound by memory: its kernels take the words of the packed matrix as they are. For
 * more tokens a panel of a tile is decoded once into the nearest cache, and all token groups sweep
 * over it; the totals of a tile stay in scratch from panel to panel.
 */
final class VectorMatMul implements MatMul {
    /** Columns of a panel: 16 KB of decoded weights, half of a first-level cache. */
    private static final int PANEL = 128;

    private final TileKernels kernels;
    private final int lanes;

    /** Tiles that the kernels for one token need at least. */
    private final int singleTiles;

    VectorMatMul(VectorSpecies<Float> species) {
        kernels = TileKernels.vector(species);
        lanes = kernels.lanes();
        singleTiles = Math.max(1, SINGLE_VECTORS * lanes / TILE_ROWS);
    }

    @Override
    public String name() {
        return "vector-" + lanes * Float.SIZE;
    }

    @Override
    public Scratch newScratch(int maxTokens, int maxColumns) {
        return new TileScratch(maxTokens, maxColumns, singleTiles);
    }

    /** Scales, minima and a panel of the tiles under way, totals of one tile for all tokens. */
    private static final class TileScratch implements Scratch {
        final float[] scales;
        final float[] minima;
        final float[] panel;
        final float[] totals;
        final long[] code = new long[SINGLE_VECTORS];
        final int[] scale = new int[SINGLE_VECTORS];

        TileScratch(int maxTokens, int maxColumns, int tiles) {
            int padded = PackedActivations.padded(maxColumns);
            scales = new float[tiles * TILE_ROWS * (padded / 16)];
            minima = new float[tiles * TILE_ROWS * (padded / 32)];
            panel = new float[TILE_ROWS * PANEL];
            totals = new float[Math.ceilDiv(Math.max(maxTokens, 2), TOKENS) * TOKENS * TILE_ROWS];
        }
    }

    @Override
    public void multiply(
            PackedMatrix w,
            PackedActivations x,
            int tile0,
            int tile1,
            Scratch scratch,
            float[] y,
            boolean accumulate) {
        TileScratch memory = (TileScratch) scratch;
        for (Part part : w.parts()) {
            int from = Math.max(tile0, part.firstTile());
            int to = Math.min(tile1, part.endTile());
            if (x.n() == 1) {
                for (int tile = from; tile < to; tile += singleTiles) {
                    single(w, part, x, tile, to, memory);
                    for (int slot = 0; slot < singleTiles && tile + slot < to; slot++) {
                        int at = slot * TILE_ROWS;
                        store(w, part, 1, tile + slot, memory.totals, at, y, accumulate);
                    }
                }
            } else {
                for (int tile = from; tile < to; tile++) {
                    tokenGroups(w, part, x, tile, memory);
                    store(w, part, x.n(), tile, memory.totals, 0, y, accumulate);
                }
            }
        }
    }

    /** One token times {@link #singleTiles} tiles from {@code tile}, or fewer at the end. */
    private void single(
            PackedMatrix w,
            Part part,
            PackedActivations x,
            int tile,
            int endTile,
            TileScratch memory) {
        TileFormat format = part.format();
        int groups = format.groups(w.columns());
        Arrays.fill(memory.totals, 0, singleTiles * TILE_ROWS, 0);
        for (int slot = 0; slot < singleTiles; slot++) {
            long at = part.tileOffset(Math.min(tile + slot, endTile - 1));
            int slotStart = slot * groups * TILE_ROWS;
            kernels.scales(format, groups, w.data(), at, memory.scales, memory.minima, slotStart);
        }
        // One call covers several tiles or, with narrow vectors, a part of one.
        for (int row = 0; row < singleTiles * TILE_ROWS; row += SINGLE_VECTORS * lanes) {
            for (int v = 0; v < SINGLE_VECTORS; v++) {
                int slot = (row + v * lanes) / TILE_ROWS;
                int inTile = (row + v * lanes) % TILE_ROWS;
                memory.code[v] =
                        part.tileOffset(Math.min(tile + slot, endTile - 1))
                                + format.scaleWords(w.columns()) * WORD_STRIDE
                                + 4L * inTile;
                memory.scale[v] = slot * groups * TILE_ROWS + inTile;
            }
            singleRows(w, format, x, row, memory);
        }
    }

    /** One token times four vectors of rows. */
    private void singleRows(
            PackedMatrix w, TileFormat format, PackedActivations x, int row, TileScratch memory) {
        MemorySegment data = w.data();
        float[] y = memory.totals;
        long c0 = memory.code[0];
        long c1 = memory.code[1];
        long c2 = memory.code[2];
        long c3 = memory.code[3];
        int words = format.codeWords(w.columns());
        if (!format.grouped()) {
            switch (format) {
                case F32 -> kernels.float32(data, c0, c1, c2, c3, words, x.values(), y, row);
                case BF16 -> kernels.bfloat16(data, c0, c1, c2, c3, words, x.values(), y, row);
                default -> kernels.float16(data, c0, c1, c2, c3, words, x.values(), y, row);
            }
            return;
        }
        int s0 = memory.scale[0];
        int s1 = memory.scale[1];
        int s2 = memory.scale[2];
        int s3 = memory.scale[3];
        int groups = format.groups(w.columns());
        int groupWords = words / groups;
        float[] sums = x.sums(format.group);
        float[] scales = memory.scales;
        if (format.minimum) {
            kernels.decoded(memory.minima, s0, s1, s2, s3, groups, sums, y, row);
        }
        if (format.bits == 8) {
            kernels.code8(
                    data,
                    c0,
                    c1,
                    c2,
                    c3,
                    groups,
                    groupWords,
                    x.scaled8(),
                    sums,
                    format.zero,
                    scales,
                    s0,
                    s1,
                    s2,
                    s3,
                    y,
                    row);
        } else {
            kernels.code4(
                    data,
                    c0,
                    c1,
                    c2,
                    c3,
                    groups,
                    groupWords,
                    x.scaled4(),
                    sums,
                    format.zero,
                    scales,
                    s0,
                    s1,
                    s2,
                    s3,
                    y,
                    row);
        }
    }

    /** All token groups times one tile. */
    private void tokenGroups(
            PackedMatrix w, Part part, PackedActivations x, int tile, TileScratch memory) {
        TileFormat format = part.format();
        int groups = format.groups(w.columns());
        long at = part.tileOffset(tile);
        Arrays.fill(memory.totals, 0, x.groups() * TOKENS * TILE_ROWS, 0);
        kernels.scales(format, groups, w.data(), at, memory.scales, memory.minima, 0);
        if (format.minimum) {
            for (int group = 0; group < x.groups(); group++) {
                int sums = x.sumIndex(group * TOKENS, format.group);
                plain(memory.minima, groups, x.sums(format.group), sums, memory.totals, group);
            }
        }
        long codes = at + format.scaleWords(w.columns()) * WORD_STRIDE;
        int padded = PackedActivations.padded(w.columns());
        for (int k = 0; k < padded; k += PANEL) {
            int columns = Math.min(PANEL, padded - k);
            panel(w, format, x, codes, k, columns, memory);
        }
    }

    /** All token groups times the columns {@code k .. k + columns} of one tile. */
    private void panel(
            PackedMatrix w,
            TileFormat format,
            PackedActivations x,
            long codes,
            int k,
            int columns,
            TileScratch memory) {
        int filled = Math.min(columns, w.columns() - k);
        long from = codes + k / format.codesPerWord() * WORD_STRIDE;
        kernels.codes(format, w.data(), from, filled, memory.panel, 0);
        for (int group = 0; group < x.groups(); group++) {
            int values = x.valueIndex(group * TOKENS) + k * TOKENS;
            if (!format.grouped()) {
                plain(memory.panel, filled, x.values(), values, memory.totals, group);
                continue;
            }
            int size = format.group;
            int sums = x.sumIndex(group * TOKENS, size) + k / size * TOKENS;
            int scales = k / size * TILE_ROWS;
            int totals = group * TOKENS * TILE_ROWS;
            for (int row = 0; row < TILE_ROWS; row += GROUP_VECTORS * lanes) {
                if (size == 32) {
                    kernels.grouped32(
                            memory.panel,
                            row,
                            columns / 32,
                            x.values(),
                            values,
                            x.sums(32),
                            sums,
                            format.zero,
                            memory.scales,
                            scales + row,
                            memory.totals,
                            totals + row);
                } else {
                    kernels.grouped16(
                            memory.panel,
                            row,
                            columns / 16,
                            x.values(),
                            values,
                            x.sums(16),
                            sums,
                            format.zero,
                            memory.scales,
                            scales + row,
                            memory.totals,
                            totals + row);
                }
            }
        }
    }

    private void plain(float[] w, int columns, float[] x, int x0, float[] totals, int group) {
        for (int row = 0; row < TILE_ROWS; row += GROUP_VECTORS * lanes) {
            kernels.plain(w, row, columns, x, x0, totals, group * TOKENS * TILE_ROWS + row);
        }
    }

    /** Copies the totals of a tile, from index {@code at}, to the rows of y. */
    private static void store(
            PackedMatrix w,
            Part part,
            int n,
            int tile,
            float[] totals,
            int at,
            float[] y,
            boolean accumulate) {
        int rows = part.tileRows(tile);
        for (int t = 0; t < n; t++) {
            int to = t * w.rows() + part.tileRow(tile);
            int from = at + t * TILE_ROWS;
            if (accumulate) {
                for (int r = 0; r < rows; r++) {
                    y[to + r] += totals[from + r];
                }
            } else {
                System.arraycopy(totals, from, y, to, rows);
            }
        }
    }
}
