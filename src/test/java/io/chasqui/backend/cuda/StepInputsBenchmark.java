package io.chasqui.backend.cuda;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SamplerParams;
import io.chasqui.model.Geometry;
import java.util.Arrays;
import java.util.List;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Parts of what the backend does for a decode step of 64 sequences of {@value #CONTEXT} tokens, as
 * Llama 3.1 8B has it.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(
        value = 5,
        jvmArgsAppend = {
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED"
        })
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 10, timeUnit = TimeUnit.MILLISECONDS, time = 300)
@State(Scope.Thread)
public class StepInputsBenchmark {
    private static final int CONTEXT = 1000;
    private static final int RUNNING = 64;
    private static final int BLOCK_SIZE = 16;
    private static final int MAX_TOKENS = 8192;

    private final ForwardBatch batch = batch();
    private CudaBackend backend;
    private CudaDevice device;
    private AttentionPlanner planner;
    private StepBuffer buffer;

    @Setup(Level.Trial)
    public void open() {
        var shape = Geometry.named("llama-3.1-8b").config().shape();
        backend = EmulatedBackends.createIdle(1, EmulatedBackends.USUAL);
        device = backend.ranks().first().device();
        planner =
                new AttentionPlanner(
                        device.call(device::multiprocessors),
                        shape.heads(),
                        shape.kvHeads(),
                        shape.headDim(),
                        MAX_TOKENS);
        var layout = StepLayout.of(MAX_TOKENS, RUNNING, shape.vocab());
        buffer = device.call(() -> new StepBuffer(layout, shape.vocab(), List.of()));
        planner.plan(batch);
    }

    @TearDown(Level.Trial)
    public void close() {
        device.run(buffer::close);
        backend.close();
    }

    @Benchmark
    public int plan() {
        planner.plan(batch);
        return planner.workCount();
    }

    @Benchmark
    public long write() {
        buffer.write(batch, planner);
        return buffer.bytes();
    }

    /** To the device's thread and back. */
    @Benchmark
    public void handOver() {
        device.run(() -> {});
    }

    private static ForwardBatch batch() {
        int blocks = Math.ceilDiv(CONTEXT, BLOCK_SIZE);
        var params = new SamplerParams(0.6f, 0.9f, 0, 0, 1, 0, 0, new int[0], new float[0]);
        var tokens = new int[RUNNING];
        var positions = new int[RUNNING];
        var slots = new int[RUNNING];
        var start = new int[RUNNING + 1];
        var lengths = new int[RUNNING];
        var tables = new int[RUNNING][blocks];
        var rows = new LogitsRow[RUNNING];
        for (int i = 0; i < RUNNING; i++) {
            int first = i * blocks;
            Arrays.setAll(tables[i], b -> first + b);
            tokens[i] = -1 - i;
            positions[i] = CONTEXT - 1;
            slots[i] = first * BLOCK_SIZE + positions[i];
            start[i + 1] = i + 1;
            lengths[i] = CONTEXT;
            rows[i] =
                    new LogitsRow(
                            i,
                            LogitsRow.SAMPLE,
                            params,
                            i,
                            0,
                            1,
                            new int[CONTEXT],
                            CONTEXT - 1,
                            CONTEXT,
                            new int[0],
                            -1);
        }
        return new ForwardBatch(tokens, positions, slots, start, lengths, tables, rows);
    }
}
