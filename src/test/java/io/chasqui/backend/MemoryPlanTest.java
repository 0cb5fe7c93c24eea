package io.chasqui.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class MemoryPlanTest {

    @Test
    void theCacheGetsWhatIsLeftInWholeBlocks() {
        var plan = new MemoryPlan(1000, 900, 500, 100, 2, 16);
        assertEquals(300, plan.kvCache());
        assertEquals(9, plan.blocks());
        assertEquals(144, plan.poolTokens());
        assertEquals(9, plan.sequences(1));
        assertEquals(9, plan.sequences(16));
        assertEquals(4, plan.sequences(17));
        assertEquals(1, plan.sequences(144));
        assertEquals(0, plan.sequences(145));
        assertEquals(0, plan.missing(144));
        assertEquals(20, plan.missing(145));
    }

    @Test
    void weightsThatDoNotFitLeaveNothing() {
        var plan = new MemoryPlan(1000, 900, 950, 100, 2, 16);
        assertEquals(0, plan.blocks());
        assertEquals(0, plan.sequences(1));
        assertEquals(150 + 32, plan.missing(1));
    }

    @Test
    void tellsTheArithmetic() {
        long gib = 1L << 30;
        var text = new MemoryPlan(80 * gib, 72 * gib, 131 * gib, gib, 1 << 18, 16).arithmetic(4096);
        assertTrue(
                text.contains("131.00 + workspace 1.00 + KV cache of 4,096 tokens 1.00 = 133.00"),
                text);
        assertTrue(text.contains("72.00 of 80.00 GiB"), text);
    }
}
