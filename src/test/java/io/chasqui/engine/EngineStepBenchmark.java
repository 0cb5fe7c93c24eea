package io.chasqui.engine;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.SampledToken;
import io.chasqui.executor.ModelExecutor;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Cost of a step without the forward pass: 64 requests generate and others wait. It lives beside
 * the engine, whose loop it drives by hand.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(value = 5, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@State(Scope.Thread)
public class EngineStepBenchmark {
    private static final int RUNNING = 64;
    private static final int PROMPT = 128;
    private static final int ANSWER = 400;

    @Param({"10", "10000"})
    int waiting;

    private static final int[] NO_TOKENS = {};
    private static final float[] NO_LOGPROBS = {};

    private final SplittableRandom random = new SplittableRandom(1);
    private EngineBed bed;
    private long submitted;
    private int ended;

    @Setup(Level.Trial)
    public void fill() {
        bed = new EngineBed(EngineBed.config(4096, 16, RUNNING, 2048), new NoModel());
        for (int i = 0; i < RUNNING + waiting; i++) {
            submit();
        }
        for (int i = 0; i < 1000; i++) {
            step();
        }
    }

    /** One step, what its readers take, and as many new requests as have ended. */
    @Benchmark
    public void step() {
        bed.now += 1_000_000;
        bed.loop.step();
        for (; ended > 0; ended--) {
            submit();
        }
    }

    /** Answers differ in length, so that one ends every few steps and another starts. */
    private void submit() {
        var prompt = random.ints(PROMPT, 0, 256).toArray();
        int length = ANSWER / 2 + random.nextInt(ANSWER);
        var request = EngineBed.request("r" + submitted++, prompt, EngineBed.params(1, length, 1));
        var group = bed.loop.newGroup(request, new Reader().buffer);
        bed.admission.charge(request, 1);
        bed.loop.add(group);
    }

    private final class Reader {
        final OutputBuffer buffer = new OutputBuffer(this::read);

        private void read() {
            for (var output = buffer.poll(); output != null; output = buffer.poll()) {
                ended += output.last() ? 1 : 0;
            }
        }
    }

    /** Answers with letters, at no cost. */
    private static final class NoModel implements ModelExecutor {
        @Override
        public StepHandle execute(ForwardBatch batch) {
            var sampled = new SampledToken[batch.rows().length];
            for (int i = 0; i < sampled.length; i++) {
                int token = 'a' + batch.rows()[i].outputIndex() % 26;
                sampled[i] = new SampledToken(token, 0, NO_TOKENS, NO_LOGPROBS, true);
            }
            return masks -> () -> sampled;
        }

        @Override
        public void close() {}
    }
}
