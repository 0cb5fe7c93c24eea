package io.chasqui.http;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Rows of levels of factors such that every two levels of two factors stand together in some row.
 * Greedy: each row begins with a pair that is still missing and goes on, factor by factor, with the
 * level that adds most of the missing pairs.
 */
final class CoveringArray {
    /** Rows tried for each one that is kept. */
    private static final int CANDIDATES = 30;

    /** Level {@code a} of factor {@code f} with level {@code b} of factor {@code g > f}. */
    record Pair(int f, int a, int g, int b) {}

    private final int[] levels;
    private final SplittableRandom random;
    private final Set<Pair> missing;

    private CoveringArray(int[] levels, long seed) {
        this.levels = levels;
        random = new SplittableRandom(seed);
        missing = pairs(levels);
    }

    /**
     * @param levels number of levels of each factor
     * @return rows of a level for each factor
     */
    static List<int[]> of(int[] levels, long seed) {
        var array = new CoveringArray(levels, seed);
        var rows = new ArrayList<int[]>();
        while (!array.missing.isEmpty()) {
            var row = array.bestRow();
            array.missing.removeAll(pairsOf(row));
            rows.add(row);
        }
        return rows;
    }

    /** All pairs that there are. */
    static Set<Pair> pairs(int[] levels) {
        var pairs = new LinkedHashSet<Pair>();
        for (int f = 0; f < levels.length; f++) {
            for (int g = f + 1; g < levels.length; g++) {
                for (int a = 0; a < levels[f]; a++) {
                    for (int b = 0; b < levels[g]; b++) {
                        pairs.add(new Pair(f, a, g, b));
                    }
                }
            }
        }
        return pairs;
    }

    /** Those that stand in a row. */
    static Set<Pair> pairsOf(int[] row) {
        var pairs = new LinkedHashSet<Pair>();
        for (int f = 0; f < row.length; f++) {
            for (int g = f + 1; g < row.length; g++) {
                pairs.add(new Pair(f, row[f], g, row[g]));
            }
        }
        return pairs;
    }

    private int[] bestRow() {
        int[] best = null;
        long most = -1;
        for (int i = 0; i < CANDIDATES; i++) {
            var row = row();
            long gain = pairsOf(row).stream().filter(missing::contains).count();
            if (gain > most) {
                most = gain;
                best = row;
            }
        }
        return best;
    }

    private int[] row() {
        var row = new int[levels.length];
        Arrays.fill(row, -1);
        var pair = missing.stream().skip(random.nextInt(missing.size())).findFirst().orElseThrow();
        row[pair.f()] = pair.a();
        row[pair.g()] = pair.b();
        int first = random.nextInt(levels.length);
        for (int i = 0; i < levels.length; i++) {
            int factor = (first + i) % levels.length;
            if (row[factor] < 0) {
                row[factor] = bestLevel(row, factor);
            }
        }
        return row;
    }

    private int bestLevel(int[] row, int factor) {
        int best = 0;
        int most = -1;
        int first = random.nextInt(levels[factor]);
        for (int i = 0; i < levels[factor]; i++) {
            int level = (first + i) % levels[factor];
            int gain = gain(row, factor, level);
            if (gain > most) {
                most = gain;
                best = level;
            }
        }
        return best;
    }

    private int gain(int[] row, int factor, int level) {
        int gain = 0;
        for (int other = 0; other < row.length; other++) {
            if (other == factor || row[other] < 0) {
                continue;
            }
            var pair =
                    other < factor
                            ? new Pair(other, row[other], factor, level)
                            : new Pair(factor, level, other, row[other]);
            gain += missing.contains(pair) ? 1 : 0;
        }
        return gain;
    }
}
