package io.chasqui.engine;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.SampledToken;
import io.chasqui.engine.SchedulerOutput.Scheduled;
import io.chasqui.executor.ModelExecutor;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Writing down the batch of a decode step of 64 requests. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(value = 5, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 10, timeUnit = TimeUnit.MILLISECONDS, time = 300)
@State(Scope.Thread)
public class BatchBuilderBenchmark {
    private final BatchBuilder batches = new BatchBuilder(DecodingRequests.BLOCK_SIZE);
    private List<Scheduled> parts;

    @Setup(Level.Trial)
    public void prefill() {
        parts = new DecodingRequests(new Letters(), new SplittableRandom(1)).next();
    }

    @Benchmark
    public ForwardBatch build() {
        return batches.build(parts);
    }

    /** Answers with one letter. */
    private static final class Letters implements ModelExecutor {
        private static final SampledToken LETTER =
                new SampledToken('a', 0, new int[0], new float[0], true);

        @Override
        public StepHandle execute(ForwardBatch batch) {
            var tokens = new SampledToken[batch.rows().length];
            Arrays.fill(tokens, LETTER);
            return masks -> () -> tokens;
        }

        @Override
        public void close() {}
    }
}
