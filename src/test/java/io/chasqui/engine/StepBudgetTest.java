package io.chasqui.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class StepBudgetTest {
    private static final long TARGET = 500_000_000;

    @Test
    void followsTheMeasuredRate() {
        var budget = new StepBudget(2048, TARGET);
        for (int i = 0; i < 30; i++) {
            budget.done(100, 100 * 1_000_000L); // 1000 tokens a second
        }
        assertEquals(500, budget.tokens(0), 1);
        assertEquals(1000, budget.tokensPerSecond(), 1);
    }

    @Test
    void neverExceedsItsLimitAndStartsSmall() {
        var budget = new StepBudget(100, TARGET);
        assertTrue(budget.tokens(0) <= 64);
        assertEquals(100, budget.tokens(99));
        budget.done(100, 1);
        assertEquals(100, budget.tokens(0));
    }

    @Test
    void leavesRoomForPromptsBesideManyRunningRequestsHoweverSlow() {
        var budget = new StepBudget(2048, TARGET);
        budget.done(64, 60_000_000_000L);
        assertTrue(budget.tokens(200) > 200);
    }

    @Test
    void smallStepsSayNothingAboutTheRate() {
        var budget = new StepBudget(2048, TARGET);
        budget.done(1, 1_000_000_000L);
        assertEquals(0, budget.tokensPerSecond());
    }
}
