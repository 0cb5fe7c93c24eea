package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class CoveringArrayTest {
    @Test
    void everyPairOfLevelsStandsInSomeRow() {
        for (long seed = 0; seed < 20; seed++) {
            var random = new SplittableRandom(seed);
            int[] levels =
                    IntStream.range(0, 2 + random.nextInt(14))
                            .map(i -> 1 + random.nextInt(4))
                            .toArray();
            var rows = CoveringArray.of(levels, seed);
            var seen = new HashSet<CoveringArray.Pair>();
            rows.forEach(row -> seen.addAll(CoveringArray.pairsOf(row)));
            assertEquals(CoveringArray.pairs(levels), seen, "seed " + seed);
        }
    }

    @Test
    void pairsAreCounted() {
        assertEquals(2 * 3 + 2 * 4 + 3 * 4, CoveringArray.pairs(new int[] {2, 3, 4}).size());
    }

    @Test
    void rowsAreFewerThanCombinations() {
        int[] levels = IntStream.generate(() -> 3).limit(13).toArray();
        // 3^13 combinations; 15 rows are the least that is known for 13 factors of 3 levels.
        int rows = CoveringArray.of(levels, 1).size();
        assertTrue(rows >= 15 && rows <= 24, rows + " rows");
    }
}
