package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AttentionPlannerTest {
    private static final int MULTIPROCESSORS = 132;
    private static final int BLOCKS = 2 * MULTIPROCESSORS;

    @Test
    void everyQueryMeetsEachOfItsChunksOnce() {
        var random = new Random(1);
        for (int i = 0; i < 300; i++) {
            int group = 1 + random.nextInt(16);
            int kvHeads = 1 << random.nextInt(4);
            int maxTokens = 1 + random.nextInt(600);
            var planner = planner(kvHeads * group, kvHeads, maxTokens);
            var batch = randomBatch(maxTokens, random);
            planner.plan(batch);
            check(planner, batch, kvHeads * group, "batch " + i);
        }
    }

    private static AttentionPlanner planner(int heads, int kvHeads, int maxTokens) {
        return new AttentionPlanner(MULTIPROCESSORS, heads, kvHeads, 128, maxTokens);
    }

    private static ForwardBatch randomBatch(int maxTokens, Random random) {
        int sequences = 1 + random.nextInt(Math.min(maxTokens, 40));
        int[] queries = new int[sequences];
        int[] lengths = new int[sequences];
        int left = maxTokens;
        for (int s = 0; s < sequences; s++) {
            int most = left - (sequences - 1 - s);
            queries[s] = random.nextBoolean() ? 1 : 1 + random.nextInt(most);
            left -= queries[s];
            lengths[s] = queries[s] + (int) (131_000 * Math.pow(random.nextDouble(), 6));
        }
        return batch(queries, lengths);
    }

    private static ForwardBatch batch(int[] queries, int[] lengths) {
        int[] start = new int[queries.length + 1];
        for (int s = 0; s < queries.length; s++) {
            start[s + 1] = start[s] + queries[s];
        }
        int[] positions = new int[start[queries.length]];
        for (int s = 0; s < queries.length; s++) {
            for (int t = start[s]; t < start[s + 1]; t++) {
                positions[t] = lengths[s] - start[s + 1] + t;
            }
        }
        return new ForwardBatch(
                positions,
                positions,
                positions,
                start,
                lengths,
                new int[queries.length][],
                new LogitsRow[0]);
    }

    /** Counts every (query, chunk), and the chunk's state where it has one, exactly once. */
    private static void check(
            AttentionPlanner planner, ForwardBatch batch, int heads, String what) {
        int tokens = batch.numTokens();
        int maxStates = AttentionPlanner.maxStates(heads, 128);
        int[] met = new int[tokens];
        boolean[] stored = new boolean[maxStates];
        int[] stateOf = new int[tokens];
        Arrays.fill(stateOf, -1);
        for (int i = 0; i < planner.combineCount(); i++) {
            int[] c = Arrays.copyOfRange(planner.combine(), 4 * i, 4 * i + 4);
            for (int t = 0; t < c[1]; t++) {
                assertEquals(-1, stateOf[c[0] + t], what);
                stateOf[c[0] + t] = c[2];
            }
        }
        int before = Integer.MAX_VALUE;
        for (int i = 0; i < planner.workCount(); i++) {
            int[] w = Arrays.copyOfRange(planner.work(), 6 * i, 6 * i + 6);
            assertTrue(w[4] <= before, what + ": not in order of length");
            before = w[4];
            int last = w[0] + w[1] - 1;
            int chunks = batch.positions()[last] / AttentionPlanner.CHUNK + 1;
            assertTrue(w[0] >= batch.queryStart()[w[2]] && last < batch.queryStart()[w[2] + 1]);
            assertTrue(w[3] + w[4] <= chunks, what);
            assertEquals(w[5] < 0, stateOf[w[0]] < 0, what);
            if (w[5] < 0) {
                assertEquals(0, w[3], what);
                assertEquals(chunks, w[4], what);
            } else {
                assertEquals(stateOf[w[0]] + w[3] * w[1], w[5], what);
                for (int state = w[5]; state < w[5] + w[4] * w[1]; state++) {
                    assertTrue(!stored[state], what + ": state " + state + " taken twice");
                    stored[state] = true;
                }
            }
            for (int t = w[0]; t <= last; t++) {
                met[t] += w[4];
            }
        }
        for (int i = 0; i < planner.combineCount(); i++) {
            int[] c = Arrays.copyOfRange(planner.combine(), 4 * i, 4 * i + 4);
            assertEquals(c[3], met[c[0]], what + ": chunks to combine");
        }
        for (int t = 0; t < tokens; t++) {
            assertTrue(met[t] * AttentionPlanner.CHUNK > batch.positions()[t], what);
        }
    }

    @Test
    void oneLongContextIsSharedOutToAllBlocks() {
        var planner = planner(32, 8, 256);
        planner.plan(batch(new int[] {1}, new int[] {131_072}));
        int pieces = planner.workCount() * 8;
        assertTrue(pieces > 0.9 * BLOCKS && pieces <= BLOCKS, pieces + " pieces");
        assertEquals(512, planner.combine()[3]);
    }

    @Test
    void manyShortContextsAreNotCut() {
        int[] queries = new int[64];
        int[] lengths = new int[64];
        Arrays.fill(queries, 1);
        Arrays.fill(lengths, 1024);
        var planner = planner(32, 8, 256);
        planner.plan(batch(queries, lengths));
        assertEquals(64, planner.workCount());
        assertEquals(0, planner.combineCount());
    }

    @Test
    void noPieceIsLongerThanABlocksShare() {
        var planner = planner(32, 8, 256);
        planner.plan(batch(new int[] {1, 1, 1, 100}, new int[] {100_000, 300, 5000, 100}));
        int chunks = 391 + 2 + 20 + 7;
        int longest = planner.work()[4];
        assertTrue(longest <= Math.ceilDiv(chunks * 8, BLOCKS), "longest piece " + longest);
    }

    @Test
    void withoutRoomForStatesAPieceIsWhole() {
        var planner = planner(128, 8, 256);
        int[] queries = new int[8];
        int[] lengths = new int[8];
        Arrays.fill(queries, 1);
        Arrays.fill(lengths, 131_072);
        planner.plan(batch(queries, lengths));
        int states = 0;
        for (int i = 0; i < planner.combineCount(); i++) {
            states += planner.combine()[4 * i + 1] * planner.combine()[4 * i + 3];
        }
        assertTrue(states <= AttentionPlanner.maxStates(128, 128));
        assertTrue(planner.combineCount() < 8 && planner.combineCount() > 0);
    }

    @Test
    void tooManyHeadsForOneKvHeadAreRefused() {
        var refused =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> new AttentionPlanner(MULTIPROCESSORS, 65, 1, 128, 1));
        assertTrue(refused.getMessage().contains("65 heads"), refused.getMessage());
    }
}
