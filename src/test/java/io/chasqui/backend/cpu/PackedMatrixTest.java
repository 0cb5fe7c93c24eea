package io.chasqui.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.loader.LinearSource;
import io.chasqui.quant.DType;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PackedMatrixTest {
    private static PackedMatrix pack(LinearSource... stacked) {
        return PackedMatrix.pack(List.of(stacked), Arena.ofAuto(), ParallelFor.SEQUENTIAL);
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void rowsComeBackBitForBit(DType type) {
        for (int columns : new int[] {256, 768, 2048}) {
            var source = RandomMatrix.of(type, 45, columns, columns);
            assertRows(source, pack(source), 0);
        }
    }

    @Test
    void blocksOf32MayBeOddInNumber() {
        for (var type : List.of(DType.Q8_0, DType.Q4_0, DType.Q4_1)) {
            var source = RandomMatrix.of(type, 33, 96, 1);
            assertRows(source, pack(source), 0);
        }
    }

    @Test
    void plainFormatsTakeAnyNumberOfColumns() {
        for (var type : List.of(DType.F32, DType.F16, DType.BF16)) {
            var source = RandomMatrix.of(type, 5, 37, 1);
            assertRows(source, pack(source), 0);
        }
    }

    @Test
    void formatsStackRowOnRow() {
        var q = RandomMatrix.of(DType.Q4_K, 40, 512, 1);
        var k = RandomMatrix.of(DType.Q4_K, 8, 512, 2);
        var v = RandomMatrix.of(DType.Q6_K, 8, 512, 3);
        var packed = pack(q, k, v);
        assertEquals(56, packed.rows());
        assertEquals(2, packed.parts().size());
        assertEquals(3, packed.tiles());
        assertRows(q, packed, 0);
        assertRows(k, packed, 40);
        assertRows(v, packed, 48);
    }

    @Test
    void rowOrderIsThatOfTheSource() {
        var source = RandomMatrix.of(DType.Q8_0, 40, 64, 1);
        int[] order = new int[40];
        Arrays.setAll(order, i -> (i * 7) % 40);
        var permuted = source.withRowOrder(order);
        assertRows(permuted, pack(permuted), 0);
    }

    @Test
    void packingIsCutByTiles() {
        var source = RandomMatrix.of(DType.Q4_1, 200, 64, 1);
        List<String> bands = new ArrayList<>();
        ParallelFor oneByOne =
                (count, band) -> {
                    for (int i = count - 1; i >= 0; i--) {
                        bands.add(i + "/" + count);
                        band.run(i, i + 1);
                    }
                };
        var packed = PackedMatrix.pack(List.of(source), Arena.ofAuto(), oneByOne);
        assertEquals(7, bands.size());
        assertRows(source, packed, 0);
    }

    @Test
    void packedSizeStaysNearTheStoredSize() {
        assertEquals(8.5, bitsPerWeight(DType.Q8_0));
        assertEquals(4.5, bitsPerWeight(DType.Q4_0));
        assertEquals(5, bitsPerWeight(DType.Q4_1));
        assertEquals(6, bitsPerWeight(DType.Q4_K));
        assertEquals(10, bitsPerWeight(DType.Q6_K));
        assertEquals(16, bitsPerWeight(DType.BF16));
    }

    private static double bitsPerWeight(DType type) {
        return 8.0 * pack(RandomMatrix.of(type, 64, 512, 1)).bytes() / (64 * 512);
    }

    @Test
    void dataIsAlignedToCacheLines() {
        var packed = pack(RandomMatrix.of(DType.Q4_1, 64, 96, 1));
        assertEquals(0, packed.data().address() % 64);
        assertTrue(packed.parts().stream().allMatch(part -> part.tileBytes() % 64 == 0));
    }

    @Test
    void differentWidthsAreRefused() {
        var a = RandomMatrix.of(DType.Q8_0, 4, 64, 1);
        var b = RandomMatrix.of(DType.Q8_0, 4, 96, 2);
        var error = assertThrows(IllegalArgumentException.class, () -> pack(a, b));
        assertEquals("Q8_0 has 96 columns, but is stacked on a matrix of 64", error.getMessage());
    }

    private static void assertRows(LinearSource source, PackedMatrix packed, int firstRow) {
        float[] expected = RandomMatrix.dequantized(source);
        float[] row = new float[source.columns()];
        for (int r = 0; r < source.rows(); r++) {
            packed.readRow(firstRow + r, row, 0);
            int at = r * source.columns();
            assertArrayEquals(
                    Arrays.copyOfRange(expected, at, at + source.columns()),
                    row,
                    source.dtype() + " row " + r);
        }
    }
}
