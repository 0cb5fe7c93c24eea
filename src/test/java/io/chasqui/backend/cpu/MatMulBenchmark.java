package io.chasqui.backend.cpu;

import io.chasqui.loader.LinearSource;
import io.chasqui.loader.TensorView;
import io.chasqui.quant.DType;
import io.chasqui.quant.RandomWeights;
import java.lang.foreign.Arena;
import java.nio.ByteOrder;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.openjdk.jmh.annotations.AuxCounters;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Products of one matrix on the worker pool, and the roof of one that is bound by memory: plain
 * reads of its bytes. Counters are per second: {@code gigabytes} of weights, {@code gigaflops}.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(
        value = 3,
        jvmArgsAppend = {
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED"
        })
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 8, time = 1)
public class MatMulBenchmark {
    /** Rate counters beside the number of products. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    public static class Rates {
        public double gigabytes;
        public double gigaflops;

        @Setup(Level.Iteration)
        public void reset() {
            gigabytes = 0;
            gigaflops = 0;
        }
    }

    @Param({"Q8_0", "Q4_1"})
    String type;

    /** Rows: more weights than caches hold. */
    @Param("131072")
    int rows;

    /** Columns: 2048 and 8192 in Llama 3.2 1B, 576 and 1536 in SmolLM2 135M. */
    @Param({"2048", "576"})
    int columns;

    @Param({"1", "8", "512"})
    int tokens;

    @Param({"256", "512"})
    int vectorBits;

    @Param("2")
    int threads;

    private Arena arena;
    private WorkerPool pool;
    private MatMul matMul;
    private MatMul.Scratch[] scratch;
    private PackedMatrix weights;
    private PackedActivations inputs;
    private float[] outputs;
    private long[] sums;

    @Setup
    public void prepare() {
        arena = Arena.ofShared();
        pool = new WorkerPool(threads);
        var species = VectorSpecies.of(float.class, VectorShape.forBitSize(vectorBits));
        matMul = new VectorMatMul(species);
        scratch = new MatMul.Scratch[threads];
        for (int i = 0; i < threads; i++) {
            scratch[i] = matMul.newScratch(tokens, columns);
        }
        // Many tokens are bound by arithmetic: fewer rows say the same.
        int used = tokens > 64 ? Math.min(rows, 4096) : rows;
        weights = PackedMatrix.pack(List.of(source(used)), arena, ParallelFor.SEQUENTIAL);
        inputs = new PackedActivations(tokens, columns);
        inputs.begin(tokens, columns);
        inputs.pack(RandomMatrix.inputs(tokens, columns, 1), 0, inputs.groups());
        outputs = new float[tokens * used];
        sums = new long[16 * threads];
    }

    private LinearSource source(int used) {
        var dtype = DType.valueOf(type);
        var data = Arena.ofAuto().allocate(dtype.bytes((long) used * columns), 8);
        RandomWeights.fill(dtype, data, 1);
        return LinearSource.of(
                new TensorView(type, dtype, List.of((long) used, (long) columns), () -> data));
    }

    @TearDown
    public void close() {
        pool.close();
        arena.close();
    }

    @Benchmark
    public float[] multiply(Rates rates) {
        pool.run(
                weights.tiles(),
                1,
                (worker, from, to) ->
                        matMul.multiply(
                                weights, inputs, from, to, scratch[worker], outputs, false));
        rates.gigabytes += weights.bytes() * 1e-9;
        rates.gigaflops += 2e-9 * weights.rows() * columns * tokens;
        return outputs;
    }

    @Benchmark
    public long[] read(Rates rates) {
        long tileBytes = weights.parts().getFirst().tileBytes();
        pool.run(
                weights.tiles(),
                1,
                (worker, from, to) -> sums[16 * worker] += read(from * tileBytes, to * tileBytes));
        rates.gigabytes += weights.bytes() * 1e-9;
        return sums;
    }

    private long read(long from, long to) {
        var species = LongVector.SPECIES_PREFERRED;
        var a = LongVector.zero(species);
        var b = LongVector.zero(species);
        long step = 2L * species.vectorByteSize();
        for (long at = from; at + step <= to; at += step) {
            a = a.add(load(species, at));
            b = b.add(load(species, at + species.vectorByteSize()));
        }
        return a.add(b).reduceLanes(VectorOperators.ADD);
    }

    private LongVector load(VectorSpecies<Long> species, long at) {
        return LongVector.fromMemorySegment(species, weights.data(), at, ByteOrder.nativeOrder());
    }
}
