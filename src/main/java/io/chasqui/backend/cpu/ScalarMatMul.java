package io.chasqui.backend.cpu;

import io.chasqui.backend.cpu.PackedMatrix.Part;

/** The product in plain Java: slow, short, and the measure of the others, bit by bit. */
final class ScalarMatMul implements MatMul {

    @Override
    public String name() {
        return "scalar";
    }

    @Override
    public Scratch newScratch(int maxTokens, int maxColumns) {
        return new Scratch() {};
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
        for (Part part : w.parts()) {
            int end = Math.min(tile1, part.endTile());
            for (int tile = Math.max(tile0, part.firstTile()); tile < end; tile++) {
                TileReader reader =
                        new TileReader(part.format(), w.columns(), w.data(), part.tileOffset(tile));
                for (int r = 0; r < part.tileRows(tile); r++) {
                    for (int t = 0; t < x.n(); t++) {
                        float dot =
                                part.format().grouped()
                                        ? groupedDot(part.format(), reader, r, x, t)
                                        : plainDot(reader, r, x, t);
                        int at = t * w.rows() + part.tileRow(tile) + r;
                        y[at] = accumulate ? y[at] + dot : dot;
                    }
                }
            }
        }
    }

    private static float plainDot(TileReader tile, int r, PackedActivations x, int t) {
        float sum = 0;
        for (int k = 0; k < x.columns(); k++) {
            sum = Math.fma(tile.code(r, k), x.values()[x.valueIndex(t) + k * x.width()], sum);
        }
        return sum;
    }

    private static float groupedDot(
            TileFormat format, TileReader tile, int r, PackedActivations x, int t) {
        int size = format.group;
        int groups = format.groups(x.columns());
        float total = 0;
        for (int g = 0; format.minimum && g < groups; g++) {
            total =
                    Math.fma(
                            tile.minimum(r, g),
                            x.sums(size)[x.sumIndex(t, size) + g * x.width()],
                            total);
        }
        for (int g = 0; g < groups; g++) {
            float block = -format.zero * x.sums(size)[x.sumIndex(t, size) + g * x.width()];
            for (int k = g * size; k < (g + 1) * size; k++) {
                block =
                        Math.fma(
                                tile.code(r, k),
                                x.values()[x.valueIndex(t) + k * x.width()],
                                block);
            }
            total = Math.fma(tile.scale(r, g), block, total);
        }
        return total;
    }
}
