package io.chasqui.backend.cpu;

import java.util.Arrays;

/**
 * The tiles of a matrix cut into the shortest runs that hold whole heads.
 *
 * @param firstTiles first tile of each run, then the number of tiles
 * @param firstRows first row of each run, then the number of rows
 */
record HeadTiles(int[] firstTiles, int[] firstRows) {

    static HeadTiles of(PackedMatrix matrix, int headDim) {
        int[] tiles = new int[matrix.tiles() + 1];
        int[] rows = new int[matrix.tiles() + 1];
        int count = 0;
        for (var part : matrix.parts()) {
            for (int tile = part.firstTile(); tile < part.endTile(); tile++) {
                int endRow = part.tileRow(tile) + part.tileRows(tile);
                if (endRow % headDim == 0) {
                    count++;
                    tiles[count] = tile + 1;
                    rows[count] = endRow;
                }
            }
        }
        return new HeadTiles(Arrays.copyOf(tiles, count + 1), Arrays.copyOf(rows, count + 1));
    }

    int count() {
        return firstTiles.length - 1;
    }

    int firstTile(int run) {
        return firstTiles[run];
    }

    int firstRow(int run) {
        return firstRows[run];
    }
}
