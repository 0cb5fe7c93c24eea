package io.chasqui.backend.cpu;

import static io.chasqui.backend.cpu.CodeKernels.GROUP_VECTORS;
import static io.chasqui.backend.cpu.CodeKernels.SINGLE_VECTORS;
import static io.chasqui.backend.cpu.PackedActivations.TOKENS;
import static io.chasqui.backend.cpu.PackedMatrix.TILE_ROWS;
import static io.chasqui.backend.cpu.PackedMatrix.WORD_STRIDE;

import io.chasqui.backend.cpu.PackedMatrix.Part;
import java.util.Arrays;
import jdk.incubator.vector.VectorSpecies;

/**
 * The product on the Vector API, in the order of additions that {@link MatMul} lays down: block
 * sums of unscaled codes, then one multiply-add with the scale.
 *
 * <p>Why that order and not the simpler one, weights multiplied out and rounded first: it saves a
 * multiplication and its registers per weight where a single token streams the codes. Figures of
 * one core of an AMD EPYC Zen 4 (peak 117 GFLOP/s, 16 MB third-level cache resident, K = 2048),
 * unscaled block sums against rounded weights:
 *
 * <table>
 *   <caption>GB/s for one token, GFLOP/s for 96</caption>
 *   <tr><th></th><th>unscaled</th><th>rounded first</th></tr>
 *   <tr><td>8 bits, one token, 512-bit vectors</td><td>28.3</td><td>21.9</td></tr>
 *   <tr><td>8 bits, one token, 256-bit vectors, AVX2</td><td>17</td><td>11.9; 15.2 from bytes</td></tr>
 *   <tr><td>4 bits, one token, 512-bit vectors</td><td>16.0</td><td>11.1</td></tr>
 *   <tr><td>4 bits, one token, 256-bit vectors, AVX2</td><td>11</td><td>5.0</td></tr>
 *   <tr><td>decoded weights, 96 tokens, 512-bit vectors</td><td>103 to 106</td><td>101 to 113</td></tr>
 *   <tr><td>decoded weights, 96 tokens, 256-bit vectors, AVX2</td><td>93</td><td>101</td></tr>
 * </table>
 *
 * <p>Inputs quantised to 8 bits would bring nothing in Java, which has no dot product of bytes:
 * products in 16-bit lanes and their widening take as many instructions as floats, and the inputs
 * lose accuracy.
 *
 * <p>Three paths. One token, bound by memory: four vectors of rows, codes taken from the words. A
 * few tokens: groups of four, or of eight with 32 registers, codes taken from the words, since
 * unpacking runs beside the multiplications. Many tokens, and weights without scales: a panel of a
 * tile is decoded once into a near cache and all token groups sweep over it.
 */
final class VectorMatMul implements MatMul {

    private final TileKernels kernels;
    private final CodeKernels codes8;
    private final CodeKernels codes4;
    private final int lanes;

    /** Whether there are registers for two token groups at once: AVX-512 has 32. */
    private final boolean pairs;

    /** From here on decoding first pays. */
    private final int manyTokens;

    /**
     * Columns of a panel. For groups of four its 16 KB of floats stay in a first-level cache; with
     * eight tokens to each load 64 KB from the second level do, and totals travel less.
     */
    private final int panel;

    /** Tiles that the kernels for one token need at least. */
    private final int singleTiles;

    VectorMatMul(VectorSpecies<Float> species) {
        kernels = TileKernels.vector(species);
        codes8 = CodeKernels.vector(species, 8);
        codes4 = CodeKernels.vector(species, 4);
        lanes = species.length();
        pairs = species.vectorBitSize() == 512;
        manyTokens = pairs ? 128 : 17;
        panel = pairs ? 512 : 128;
        singleTiles = Math.max(1, SINGLE_VECTORS * lanes / TILE_ROWS);
    }

    @Override
    public String name() {
        return "vector-" + lanes * Float.SIZE;
    }

    @Override
    public Scratch newScratch(int maxTokens, int maxColumns) {
        return new TileScratch(maxTokens, maxColumns, singleTiles, panel);
    }

    /**
     * Scales and minima of the tiles under way, a decoded panel, totals of one tile for all tokens
     * or of several tiles for one.
     */
    private static final class TileScratch implements Scratch {
        final float[] scales;
        final float[] minima;
        final float[] panel;
        final float[] totals;
        final long[] words = new long[SINGLE_VECTORS];
        final int[] scaleIndex = new int[SINGLE_VECTORS];

        TileScratch(int maxTokens, int maxColumns, int tiles, int panelColumns) {
            int padded = PackedActivations.padded(maxColumns);
            scales = new float[tiles * TILE_ROWS * (padded / 16)];
            minima = new float[tiles * TILE_ROWS * (padded / 32)];
            panel = new float[TILE_ROWS * panelColumns];
            int tokens = Math.ceilDiv(maxTokens, TOKENS) * TOKENS;
            totals = new float[TILE_ROWS * Math.max(tokens, tiles)];
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
                    singleToken(w, part, x, tile, to, memory);
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

    private CodeKernels codes(TileFormat format) {
        return format.bits == 8 ? codes8 : codes4;
    }

    /**
     * Totals of one token and {@link #singleTiles} tiles from {@code tile}, or fewer at the end.
     */
    private void singleToken(
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
                memory.words[v] =
                        part.tileOffset(Math.min(tile + slot, endTile - 1))
                                + format.scaleWords(w.columns()) * WORD_STRIDE
                                + 4L * inTile;
                memory.scaleIndex[v] = slot * groups * TILE_ROWS + inTile;
            }
            if (format.grouped()) {
                singleGrouped(w, format, x, row, memory);
            } else {
                singlePlain(w, format, x, row, memory);
            }
        }
    }

    private void singlePlain(
            PackedMatrix w, TileFormat format, PackedActivations x, int row, TileScratch memory) {
        long[] c = memory.words;
        int words = format.codeWords(w.columns());
        float[] y = memory.totals;
        switch (format) {
            case F32 ->
                    kernels.float32(w.data(), c[0], c[1], c[2], c[3], words, x.values(), y, row);
            case BF16 ->
                    kernels.bfloat16(w.data(), c[0], c[1], c[2], c[3], words, x.values(), y, row);
            default -> kernels.float16(w.data(), c[0], c[1], c[2], c[3], words, x.values(), y, row);
        }
    }

    private void singleGrouped(
            PackedMatrix w, TileFormat format, PackedActivations x, int row, TileScratch memory) {
        long[] c = memory.words;
        int[] s = memory.scaleIndex;
        int groups = format.groups(w.columns());
        float[] sums = x.sums(format.group);
        float[] y = memory.totals;
        if (format.minimum) {
            kernels.decoded(memory.minima, s[0], s[1], s[2], s[3], groups, sums, y, row);
        }
        codes(format)
                .single(
                        w.data(),
                        c[0],
                        c[1],
                        c[2],
                        c[3],
                        groups,
                        format.group / format.codesPerWord(),
                        x.scaled(format.bits),
                        sums,
                        format.zero,
                        memory.scales,
                        s[0],
                        s[1],
                        s[2],
                        s[3],
                        y,
                        row);
    }

    /** Totals of all tokens and one tile. */
    private void tokenGroups(
            PackedMatrix w, Part part, PackedActivations x, int tile, TileScratch memory) {
        TileFormat format = part.format();
        long at = part.tileOffset(tile);
        long words = at + format.scaleWords(w.columns()) * WORD_STRIDE;
        Arrays.fill(memory.totals, 0, x.groups() * TOKENS * TILE_ROWS, 0);
        if (!format.grouped()) {
            panels(w, format, x, words, memory);
            return;
        }
        int groups = format.groups(w.columns());
        kernels.scales(format, groups, w.data(), at, memory.scales, memory.minima, 0);
        if (format.minimum) {
            for (int group = 0; group < x.groups(); group++) {
                int sums = x.sumIndex(group * TOKENS, format.group);
                plain(memory.minima, groups, x.sums(format.group), sums, memory.totals, group);
            }
        }
        if (x.n() < manyTokens || format.group != 32) {
            fromWords(w, format, x, words, memory);
        } else {
            panels(w, format, x, words, memory);
        }
    }

    private void fromWords(
            PackedMatrix w,
            TileFormat format,
            PackedActivations x,
            long words,
            TileScratch memory) {
        int step = 1;
        for (int group = 0; group < x.groups(); group += step) {
            step = pairs && group + 1 < x.groups() ? 2 : 1;
            for (int row = 0; row < TILE_ROWS; row += GROUP_VECTORS * lanes) {
                if (step == 2) {
                    pairFromWords(w, format, x, words, group, row, memory);
                } else {
                    groupFromWords(w, format, x, words, group, row, memory);
                }
            }
        }
    }

    private void groupFromWords(
            PackedMatrix w,
            TileFormat format,
            PackedActivations x,
            long words,
            int group,
            int row,
            TileScratch memory) {
        int size = format.group;
        codes(format)
                .group(
                        w.data(),
                        words + 4L * row,
                        words + 4L * (row + lanes),
                        format.groups(w.columns()),
                        size / format.codesPerWord(),
                        x.values(),
                        x.valueIndex(group * TOKENS),
                        x.sums(size),
                        x.sumIndex(group * TOKENS, size),
                        format.zero,
                        memory.scales,
                        row,
                        memory.totals,
                        group * TOKENS * TILE_ROWS + row);
    }

    private void pairFromWords(
            PackedMatrix w,
            TileFormat format,
            PackedActivations x,
            long words,
            int group,
            int row,
            TileScratch memory) {
        int size = format.group;
        codes(format)
                .pair(
                        w.data(),
                        words + 4L * row,
                        words + 4L * (row + lanes),
                        format.groups(w.columns()),
                        size / format.codesPerWord(),
                        x.values(),
                        x.valueIndex(group * TOKENS),
                        x.valueIndex((group + 1) * TOKENS),
                        x.sums(size),
                        x.sumIndex(group * TOKENS, size),
                        x.sumIndex((group + 1) * TOKENS, size),
                        format.zero,
                        memory.scales,
                        row,
                        memory.totals,
                        group * TOKENS * TILE_ROWS + row);
    }

    private void panels(
            PackedMatrix w,
            TileFormat format,
            PackedActivations x,
            long words,
            TileScratch memory) {
        for (int k = 0; k < w.columns(); k += panel) {
            int columns = Math.min(panel, w.columns() - k);
            long from = words + k / format.codesPerWord() * WORD_STRIDE;
            if (format.grouped()) {
                codes(format).decode(w.data(), from, columns / format.codesPerWord(), memory.panel);
            } else {
                kernels.weights(format, w.data(), from, columns, memory.panel);
            }
            if (format.grouped()) {
                sweepGrouped(x, k, columns, format.zero, memory);
            } else {
                sweepPlain(x, k, columns, memory);
            }
        }
    }

    private void sweepPlain(PackedActivations x, int k, int columns, TileScratch memory) {
        for (int group = 0; group < x.groups(); group++) {
            int values = x.valueIndex(group * TOKENS) + k * TOKENS;
            plain(memory.panel, columns, x.values(), values, memory.totals, group);
        }
    }

    private void sweepGrouped(
            PackedActivations x, int k, int columns, float zero, TileScratch memory) {
        int step = 1;
        for (int group = 0; group < x.groups(); group += step) {
            step = pairs && group + 1 < x.groups() ? 2 : 1;
            for (int row = 0; row < TILE_ROWS; row += GROUP_VECTORS * lanes) {
                if (step == 2) {
                    groupedPair(x, k, columns, group, row, zero, memory);
                } else {
                    grouped(x, k, columns, group, row, zero, memory);
                }
            }
        }
    }

    private void grouped(
            PackedActivations x,
            int k,
            int columns,
            int group,
            int row,
            float zero,
            TileScratch memory) {
        kernels.grouped32(
                memory.panel,
                row,
                columns / 32,
                x.values(),
                x.valueIndex(group * TOKENS) + k * TOKENS,
                x.sums(32),
                x.sumIndex(group * TOKENS, 32) + k / 32 * TOKENS,
                zero,
                memory.scales,
                k / 32 * TILE_ROWS + row,
                memory.totals,
                group * TOKENS * TILE_ROWS + row);
    }

    private void groupedPair(
            PackedActivations x,
            int k,
            int columns,
            int group,
            int row,
            float zero,
            TileScratch memory) {
        kernels.groupedPair32(
                memory.panel,
                row,
                columns / 32,
                x.values(),
                x.valueIndex(group * TOKENS) + k * TOKENS,
                x.valueIndex((group + 1) * TOKENS) + k * TOKENS,
                x.sums(32),
                x.sumIndex(group * TOKENS, 32) + k / 32 * TOKENS,
                x.sumIndex((group + 1) * TOKENS, 32) + k / 32 * TOKENS,
                zero,
                memory.scales,
                k / 32 * TILE_ROWS + row,
                memory.totals,
                group * TOKENS * TILE_ROWS + row);
    }

    private void plain(float[] w, int columns, float[] x, int x0, float[] totals, int group) {
        for (int row = 0; row < TILE_ROWS; row += GROUP_VECTORS * lanes) {
            kernels.plain(w, row, columns, x, x0, totals, group * TOKENS * TILE_ROWS + row);
        }
    }

    /** Copies the totals of a tile, which start at index {@code at}, to its rows of y. */
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
