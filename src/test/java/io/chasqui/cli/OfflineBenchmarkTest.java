package io.chasqui.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.SampledToken;
import io.chasqui.executor.ModelExecutor;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class OfflineBenchmarkTest {
    private static final ModelCosts COSTS = new ModelCosts(1_000, 300, 900, 200, 7);
    private static final int REPEAT = 4;

    private final Recorder executor = new Recorder();
    private final OfflineBenchmark benchmark =
            new OfflineBenchmark(executor, COSTS, 50, 16, 64, REPEAT, new BenchProgress());

    @Test
    void decodeRepeatsTheSameStepsAfterWarmUp() {
        var result = benchmark.decode(3, 5, 0);
        assertEquals(REPEAT, result.passes().length);
        assertTrue(result.warmUpPasses() >= 3, "three passes must agree");
        assertEquals((result.warmUpPasses() + REPEAT) * 5, executor.batches.size());
        assertEquals(executor.batches.size(), executor.sampled, "sampling is timed, not left out");
        assertTrue(result.min() <= result.tokensPerSecond());
        assertTrue(result.tokensPerSecond() <= result.max());
    }

    @Test
    void aPipelineIsKeptFullAndAwaited() {
        executor.pipelined = true;
        var result = benchmark.decode(3, 5, 100);
        assertEquals(2, executor.mostUnderWay, "one step starts while the one before runs");
        assertEquals(0, executor.underWay);
        assertEquals(0, result.samplingShare());
        assertTrue(result.tokensPerSecond() > 0);
    }

    @Test
    void depthIsComputedOnceAndNotCounted() {
        var result = benchmark.prefill(1, 32, 100);
        int passes = result.warmUpPasses() + REPEAT;
        assertEquals(
                2 + passes, executor.batches.size(), "100 tokens in steps of 64, then 32 each");
        assertEquals(0, executor.batches.getFirst().positions()[0]);
        assertEquals(100, executor.batches.getLast().positions()[0]);
    }

    @Test
    void ratesFollowFromBytesAndOperationsOfTheSteps() {
        var result = benchmark.decode(2, 3, 10);
        double bytes = 3 * 1_300 + 7 * 2 * (11 + 12 + 13);
        double flops = 3 * 2 * (900 + 200) * 2;
        assertEquals(
                flops / bytes, result.gigaflopsPerSecond() / result.gigabytesPerSecond(), 1e-9);
        assertEquals(
                bytes / (2 * 3),
                1e9 * result.gigabytesPerSecond() / result.tokensPerSecond(),
                1e-6);
    }

    @Test
    void aPromptNeedsTheHeadForItsLastTokenOnly() {
        benchmark.prefill(1, 150, 0);
        var first = executor.batches.subList(0, 3);
        assertEquals(List.of(0, 0, 1), first.stream().map(b -> b.rows().length).toList());
        assertEquals(2 * 900 * 64, COSTS.flops(first.get(0)));
        assertEquals(2 * (900 * 22 + 200), COSTS.flops(first.get(2)));
        assertEquals(1_000 + 7 * 64, COSTS.bytes(first.get(0)));
        assertEquals(1_300 + 7 * 150, COSTS.bytes(first.get(2)));
    }

    /** Computes nothing and remembers what it was asked. */
    private static final class Recorder implements ModelExecutor {
        private final List<ForwardBatch> batches = new ArrayList<>();
        private int sampled;
        private boolean pipelined;
        private int underWay;
        private int mostUnderWay;

        @Override
        public StepHandle execute(ForwardBatch batch) {
            batches.add(batch);
            underWay++;
            mostUnderWay = Math.max(mostUnderWay, underWay);
            return masks -> {
                sampled++;
                return () -> {
                    underWay--;
                    return new SampledToken[batch.rows().length];
                };
            };
        }

        @Override
        public boolean pipelined() {
            return pipelined;
        }

        @Override
        public void close() {}
    }
}
