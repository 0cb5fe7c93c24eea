package io.chasqui.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.chasqui.backend.ForwardBatch;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;

class UniformBatchesTest {
    private static final int BLOCK = 16;

    @Test
    void prefillCoversEachPositionOfEachSequenceOnceInSlotsOfItsOwn() {
        for (int maxTokens : new int[] {7, 20, 40, 64, 512}) {
            var steps = new UniformBatches(3, 53, BLOCK, 100).prefill(13, 53, maxTokens);
            var slots = new HashSet<Integer>();
            for (var step : steps) {
                assertEquals(true, step.numTokens() <= maxTokens, "tokens of a step");
                for (int slot : step.slotMapping()) {
                    slots.add(slot);
                }
                assertSlotsFollowBlockTables(step);
            }
            assertEquals(3 * 40, slots.size(), "slots at " + maxTokens);
            assertEquals(3, steps.stream().mapToInt(s -> s.rows().length).sum(), "rows of logits");
        }
    }

    @Test
    void decodeTakesOneTokenOfEverySequencePerStep() {
        var steps = new UniformBatches(4, 24, BLOCK, 100).decode(10, 24);
        assertEquals(14, steps.size());
        for (int i = 0; i < steps.size(); i++) {
            var step = steps.get(i);
            assertEquals(4, step.rows().length);
            assertArrayEquals(new int[] {0, 1, 2, 3, 4}, step.queryStart());
            assertEquals(List.of(10 + i), List.of(step.positions()[3]));
            assertEquals(11 + i, step.seqLens()[0]);
            assertSlotsFollowBlockTables(step);
        }
    }

    private static void assertSlotsFollowBlockTables(ForwardBatch step) {
        for (int s = 0; s < step.numSequences(); s++) {
            for (int t = step.queryStart()[s]; t < step.queryStart()[s + 1]; t++) {
                int position = step.positions()[t];
                assertEquals(
                        step.blockTables()[s][position / BLOCK] * BLOCK + position % BLOCK,
                        step.slotMapping()[t]);
            }
        }
    }
}
