package io.chasqui.engine;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.PendingTokens;
import io.chasqui.backend.SampledToken;
import io.chasqui.backend.cuda.CudaBackend;
import io.chasqui.backend.cuda.CudaOptions;
import io.chasqui.backend.cuda.EmulatedBackends;
import io.chasqui.executor.LocalExecutor;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.model.Checkpoint;
import io.chasqui.model.Geometry;
import io.chasqui.model.LlamaModel;
import io.chasqui.model.LlamaWeightsLoader;
import io.chasqui.model.ProgressListener;
import io.chasqui.quant.DType;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Host time of a decode step: engine, model and CUDA backend as they serve Llama 3.1 8B to 64
 * requests, on devices that do nothing. An invocation is {@value DecodingRequests#STEPS} steps,
 * from a context of {@value DecodingRequests#CONTEXT} tokens on; each iteration begins with
 * requests of its own.
 */
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
        value = 5,
        jvmArgsAppend = {
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED"
        })
@Warmup(iterations = 150)
@Measurement(iterations = 50)
@State(Scope.Thread)
public class HostStepBenchmark {
    /** What runs the steps: a backend on so many ranks, or nothing. */
    public enum Execution {
        NOTHING(0, false),
        GRAPHS(1, true),
        EAGER(1, false),
        GRAPHS_TP2(2, true),
        EAGER_TP2(2, false);

        private final int ranks;
        private final boolean graphs;

        Execution(int ranks, boolean graphs) {
            this.ranks = ranks;
            this.graphs = graphs;
        }

        private ModelExecutor open() {
            if (this == NOTHING) {
                return new Idle();
            }
            return new LocalExecutor(
                    model(EmulatedBackends.createIdle(ranks, new CudaOptions(0.9, graphs, false))));
        }

        private static LlamaModel model(CudaBackend backend) {
            var geometry = Geometry.named("llama-3.1-8b");
            try (var checkpoint = Checkpoint.dummy(geometry, DType.BF16, 1)) {
                var shape = geometry.config().shape();
                var weights = LlamaWeightsLoader.load(checkpoint, backend, ProgressListener.NONE);
                backend.allocateWorkspace(
                        shape, DecodingRequests.MAX_TOKENS, DecodingRequests.RUNNING);
                var cache =
                        backend.allocateKvCache(
                                shape,
                                KvDType.BF16,
                                DecodingRequests.BLOCKS,
                                DecodingRequests.BLOCK_SIZE);
                return new LlamaModel(geometry.config(), weights, backend, cache, () -> {});
            }
        }
    }

    /** Nanoseconds of the executor's share of the steps; what is left is the engine's. */
    @AuxCounters(AuxCounters.Type.EVENTS)
    @State(Scope.Thread)
    public static class Parts {
        public long execute;
        public long sample;
        public long await;
    }

    @Param public Execution execution;

    private final SplittableRandom random = new SplittableRandom(1);
    private ModelExecutor executor;
    private TimedExecutor timed;
    private EngineLoop loop;

    @Setup(Level.Trial)
    public void open() {
        executor = execution.open();
    }

    @TearDown(Level.Trial)
    public void close() {
        executor.close();
    }

    @Setup(Level.Iteration)
    public void prefill() {
        timed = new TimedExecutor(executor);
        loop = new DecodingRequests(timed, random).loop;
        timed.forget();
    }

    @Benchmark
    @OperationsPerInvocation(DecodingRequests.STEPS)
    public void step(Parts counted) {
        for (int i = 0; i < DecodingRequests.STEPS; i++) {
            loop.step();
        }
        counted.execute = timed.execute / DecodingRequests.STEPS;
        counted.sample = timed.sample / DecodingRequests.STEPS;
        counted.await = timed.await / DecodingRequests.STEPS;
    }

    /** Counts the time of another, and puts letters in place of what idle devices sample. */
    private static final class TimedExecutor implements ModelExecutor {
        private static final int[] NO_TOKENS = {};
        private static final float[] NO_LOGPROBS = {};

        private final ModelExecutor executor;
        private long execute;
        private long sample;
        private long await;

        TimedExecutor(ModelExecutor executor) {
            this.executor = executor;
        }

        void forget() {
            execute = 0;
            sample = 0;
            await = 0;
        }

        @Override
        public boolean pipelined() {
            return true;
        }

        @Override
        public StepHandle execute(ForwardBatch batch) {
            long begin = System.nanoTime();
            var handle = executor.execute(batch);
            execute += System.nanoTime() - begin;
            return masks -> sample(handle, masks);
        }

        private PendingTokens sample(StepHandle handle, long[][] masks) {
            long begin = System.nanoTime();
            var pending = handle.sample(masks);
            sample += System.nanoTime() - begin;
            return () -> await(pending);
        }

        private SampledToken[] await(PendingTokens pending) {
            long begin = System.nanoTime();
            var tokens = pending.await();
            await += System.nanoTime() - begin;
            for (int i = 0; i < tokens.length; i++) {
                tokens[i] = new SampledToken('a' + i % 26, 0, NO_TOKENS, NO_LOGPROBS, true);
            }
            return tokens;
        }

        @Override
        public void close() {}
    }

    /** Computes nothing. */
    private static final class Idle implements ModelExecutor {
        @Override
        public StepHandle execute(ForwardBatch batch) {
            var tokens = new SampledToken[batch.rows().length];
            return masks -> () -> tokens;
        }

        @Override
        public void close() {}
    }
}
