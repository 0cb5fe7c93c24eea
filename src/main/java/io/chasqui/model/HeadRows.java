package io.chasqui.model;

/** Row orders of query and key projections. */
final class HeadRows {
    private HeadRows() {}

    /**
     * Where the rows of a projection lie when each head is stored with the two elements of a
     * rotated pair side by side, as GGUF files do: row {@code h·D + s·D/2 + j} is stored as row
     * {@code h·D + 2j + s}.
     */
    static int[] adjacent(int heads, int headDim) {
        var order = new int[heads * headDim];
        int half = headDim / 2;
        for (int row = 0; row < order.length; row++) {
            int inHead = row % headDim;
            order[row] = row - inHead + 2 * (inHead % half) + inHead / half;
        }
        return order;
    }
}
