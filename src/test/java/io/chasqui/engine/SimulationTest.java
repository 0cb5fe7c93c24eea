package io.chasqui.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Runs {@link Simulation} over fresh seeds. {@code -Dchasqui.sim.seed=} replays one, {@code
 * -Dchasqui.sim.seeds=} and {@code -Dchasqui.sim.steps=} ask for more.
 */
class SimulationTest {
    private static final int SEEDS = Integer.getInteger("chasqui.sim.seeds", 250);
    private static final int STEPS = Integer.getInteger("chasqui.sim.steps", 1400);

    /** Seeds that once failed, each run with {@link #STEPS_OF_SAVED}. */
    private static final long[] SAVED = {1, 2, 3, 5, 6, 7, 9, 10, 12, 13, 14, 15, 16, 17, 18};

    private static final int STEPS_OF_SAVED = 600;

    @BeforeAll
    static void silence() {
        EngineLog.silence();
    }

    @AfterAll
    static void speak() {
        EngineLog.speak();
    }

    @Test
    void everyRequestGetsWhatItGetsAloneWhateverHappensToOthers() {
        var replayed = Long.getLong("chasqui.sim.seed");
        if (replayed != null) {
            System.out.println(Simulation.run(replayed, STEPS));
            return;
        }
        long first = System.currentTimeMillis() * 1_000_000;
        var steps = new AtomicLong();
        var requests = new AtomicLong();
        var preemptions = new AtomicLong();
        System.out.println("simulation: seeds " + first + " to " + (first + SEEDS - 1));
        LongStream.range(first, first + SEEDS)
                .parallel()
                .forEach(
                        seed -> {
                            var result = run(seed, STEPS);
                            steps.addAndGet(result.steps());
                            requests.addAndGet(result.requests());
                            preemptions.addAndGet(result.preemptions());
                        });
        System.out.printf(
                "simulation: %d seeds, %d steps, %d requests, %d preemptions%n",
                SEEDS, steps.get(), requests.get(), preemptions.get());
        assertTrue(preemptions.get() > 0, "nothing was preempted");
        assertTrue(steps.get() >= SEEDS * STEPS / 2L, steps + " steps computed something");
    }

    @Test
    void seedsThatOnceFailedHold() {
        for (long seed : SAVED) {
            run(seed, STEPS_OF_SAVED);
        }
    }

    @Test
    void aSeedRunsTheSameEachTime() {
        for (long seed = 100; seed < 110; seed++) {
            assertEquals(run(seed, 300), run(seed, 300), "seed " + seed);
        }
        assertNotEquals(run(1, 300).trace(), run(2, 300).trace());
    }

    private static Simulation.Result run(long seed, int steps) {
        try {
            return Simulation.run(seed, steps);
        } catch (RuntimeException e) {
            throw new AssertionError(
                    e.getMessage()
                            + "; again: mvn test -Dtest=SimulationTest -Dchasqui.sim.seed="
                            + seed
                            + " -Dchasqui.sim.steps="
                            + steps,
                    e);
        }
    }
}
