package io.chasqui.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.model.Geometry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RankShapeTest {
    private static RankShape rank(Geometry geometry, int ranks) {
        return new RankShape(geometry.config().shape(), ranks);
    }

    @ParameterizedTest
    @CsvSource({
        "llama-3.1-8b, 131072",
        "llama-3.1-70b, 327680",
        "llama-3.1-405b, 516096",
    })
    void keysAndValuesAreDividedAsFarAsThereAreHeads(String geometry, long bytes) {
        var model = Geometry.named(geometry);
        for (int ranks : new int[] {1, 2, 4, 8}) {
            assertEquals(bytes / ranks, 2 * rank(model, ranks).kvElementsPerToken());
        }
        assertEquals(bytes / 8, 2 * rank(model, 16).kvElementsPerToken());
    }

    @Test
    void theSharesOfAllRanksAreTheModel() {
        RankShape.MatrixSize elements = (matrix, layer) -> (long) matrix.rows() * matrix.columns();
        for (var geometry : Geometry.values()) {
            boolean tied = geometry.config().tiedHead();
            long whole = rank(geometry, 1).total(tied, elements);
            for (int ranks = 2; ranks <= 8; ranks *= 2) {
                if (geometry.config().kvHeads() % ranks == 0
                        && geometry.config().vocab() % (64 * ranks) == 0) {
                    assertEquals(whole, ranks * rank(geometry, ranks).total(tied, elements));
                }
            }
        }
    }

    @Test
    void theVocabularyIsDividedInWholeTiles() {
        // 128,256 = 8 * 16,032 and 16,032 is no multiple of 64.
        assertEquals(128_256, rank(Geometry.LLAMA_3_1_8B, 1).vocab());
        assertEquals(16_064, rank(Geometry.LLAMA_3_1_8B, 8).vocab());
    }

    @Test
    void whatCannotBeDividedIsRefusedWithTheReason() {
        refused(Geometry.SMOLLM2_135M, 2, "9 query heads");
        refused(Geometry.LLAMA_3_1_8B, 3, "power of two");
        refused(Geometry.LLAMA_3_1_8B, 0, "power of two");
        refused(Geometry.LLAMA_3_1_8B, 64, "32 query heads");
    }

    private static void refused(Geometry geometry, int ranks, String reason) {
        var e = assertThrows(IllegalArgumentException.class, () -> rank(geometry, ranks));
        assertTrue(e.getMessage().contains(reason), e.getMessage());
    }
}
