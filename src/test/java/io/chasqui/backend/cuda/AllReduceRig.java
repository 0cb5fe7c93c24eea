package io.chasqui.backend.cuda;

import static jcuda.driver.JCudaDriver.cuGraphDestroy;
import static jcuda.driver.JCudaDriver.cuGraphExecDestroy;
import static jcuda.driver.JCudaDriver.cuGraphInstantiate;
import static jcuda.driver.JCudaDriver.cuGraphLaunch;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoDAsync;
import static jcuda.driver.JCudaDriver.cuStreamBeginCapture;
import static jcuda.driver.JCudaDriver.cuStreamEndCapture;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.ToLongFunction;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstreamCaptureMode;

/**
 * Ranks, each with a stream of its own on one of the devices, that reduce several times in a row:
 * before each time a copy puts the rank's next partial sums where the all-reduce reads them.
 */
final class AllReduceRig implements AutoCloseable {
    private static final int MAX_BLOCKS = 128;
    private static final int MAX_RANKS = 8;
    private static final int SQUARES_GROUP = 16;
    private static final int COUNTS_BYTES = 32;

    private final int tokens;
    private final int hidden;
    private final int rounds;
    private final List<Rank> ranks = new ArrayList<>();

    /** What a rank's residual has become. */
    record Outcome(float[] values, short[] x, float[] squares) {}

    /** A way to launch. */
    record Grid(String kernel, int blocks, int threads) {}

    private final class Rank implements AutoCloseable {
        final int index;
        final CudaDevice device;
        final List<DeviceMemory> memories = new ArrayList<>();
        final Kernels kernels;
        final DeviceMemory step;
        final DeviceMemory sources;
        final List<DeviceMemory> partials;
        final DeviceMemory reduced;
        final DeviceMemory flags;
        final DeviceMemory norm;
        final DeviceMemory values;
        final DeviceMemory x;
        final DeviceMemory squares;

        /** To be called on the device's thread. */
        Rank(int index, CudaDevice device, int numRanks) {
            this.index = index;
            this.device = device;
            kernels =
                    EmulatedKernels.load(
                            "all_reduce", "all_reduce_one_shot", "all_reduce_two_shot");
            long bytes = partialBytes();
            step = allocate(COUNTS_BYTES);
            sources = allocate(rounds * bytes);
            partials = List.of(allocate(bytes), allocate(bytes));
            int groups = tokens * hidden / SQUARES_GROUP;
            reduced = allocate(4L * SQUARES_GROUP * Math.ceilDiv(groups, numRanks));
            flags = allocate(4L * MAX_BLOCKS * MAX_RANKS);
            flags.fill((byte) 0);
            norm = allocate(4L * hidden);
            values = allocate(bytes);
            x = allocate(bytes / 2);
            squares = allocate(bytes / SQUARES_GROUP);
        }

        private DeviceMemory allocate(long bytes) {
            var memory = DeviceMemory.allocate("rank " + index, bytes);
            memories.add(memory);
            return memory;
        }

        /** Queues all rounds. */
        void launchRounds(Grid grid) {
            for (int round = 0; round < rounds; round++) {
                var partial = partials.get(round % 2);
                CudaError.check(
                        cuMemcpyDtoDAsync(
                                new DevicePointer(partial.address()),
                                new DevicePointer(sources.address() + round * partialBytes()),
                                partialBytes(),
                                device.stream()),
                        "copying partial sums");
                int turn = round % 2;
                var kernel = kernels.get(grid.kernel());
                var parameters = kernel.parameters();
                parameters.put(step.address());
                for (int unused = 0; unused < 11; unused++) {
                    parameters.put(0L);
                }
                parameters
                        .put(addresses(rank -> rank.partials.get(turn).address()), MAX_RANKS)
                        .put(addresses(rank -> rank.reduced.address()), MAX_RANKS)
                        .put(addresses(rank -> rank.flags.address()), MAX_RANKS)
                        .put(index)
                        .put(ranks.size())
                        .put(norm.address())
                        .put(values.address())
                        .put(x.address())
                        .put(squares.address())
                        .put(hidden);
                kernel.launch(device.stream(), grid.blocks(), 1, grid.threads(), 0);
            }
        }

        /** Queues all rounds so many times, by a graph that records them once. */
        void launchGraph(Grid grid, int times) {
            var graph = new CUgraph();
            var executable = new CUgraphExec();
            int mode = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
            CudaError.check(cuStreamBeginCapture(device.stream(), mode), "recording");
            launchRounds(grid);
            CudaError.check(cuStreamEndCapture(device.stream(), graph), "recording");
            CudaError.check(cuGraphInstantiate(executable, graph, 0L), "making a graph");
            cuGraphDestroy(graph);
            for (int i = 0; i < times; i++) {
                CudaError.check(cuGraphLaunch(executable, device.stream()), "replaying");
            }
            cuGraphExecDestroy(executable);
        }

        Outcome read() {
            device.synchronize();
            try (var arena = Arena.ofConfined()) {
                return new Outcome(
                        content(values, arena).toArray(ValueLayout.JAVA_FLOAT),
                        content(x, arena).toArray(ValueLayout.JAVA_SHORT),
                        content(squares, arena).toArray(ValueLayout.JAVA_FLOAT));
            }
        }

        private MemorySegment content(DeviceMemory memory, Arena arena) {
            var bytes = arena.allocate(memory.bytes(), Long.BYTES);
            memory.read(0, bytes);
            return bytes;
        }

        @Override
        public void close() {
            device.run(
                    () -> {
                        memories.forEach(DeviceMemory::close);
                        kernels.close();
                    });
            device.close();
        }
    }

    /**
     * @param ordinals the device of each rank
     */
    AllReduceRig(int[] ordinals, int tokens, int hidden, int rounds) {
        this.tokens = tokens;
        this.hidden = hidden;
        this.rounds = rounds;
        for (int i = 0; i < ordinals.length; i++) {
            int index = i;
            var device = new CudaDevice(ordinals[i], i);
            ranks.add(device.call(() -> new Rank(index, device, ordinals.length)));
        }
        for (var rank : ranks) {
            rank.device.run(() -> ranks.forEach(peer -> rank.device.reach(peer.device)));
        }
    }

    private long partialBytes() {
        return 4L * tokens * hidden;
    }

    private long[] addresses(ToLongFunction<Rank> address) {
        return ranks.stream().mapToLong(address).toArray();
    }

    /**
     * Gives each rank its input, and the residual.
     *
     * @param partials by round, rank, and element
     */
    void load(float[][][] partials, float[] residual, float[] norm) {
        for (var rank : ranks) {
            rank.device.run(
                    () -> {
                        write(rank.step, new int[] {tokens, 0, 0, 0, 0, 0, 0, 0});
                        write(rank.norm, 0, norm);
                        write(rank.values, 0, residual);
                        for (int round = 0; round < rounds; round++) {
                            write(
                                    rank.sources,
                                    round * partialBytes(),
                                    partials[round][rank.index]);
                        }
                    });
        }
    }

    private static void write(DeviceMemory memory, int[] values) {
        try (var arena = Arena.ofConfined()) {
            memory.write(0, arena.allocateFrom(ValueLayout.JAVA_INT, values));
        }
    }

    private static void write(DeviceMemory memory, long at, float[] values) {
        try (var arena = Arena.ofConfined()) {
            memory.write(at, arena.allocateFrom(ValueLayout.JAVA_FLOAT, values));
        }
    }

    /** Runs all rounds on all ranks. */
    List<Outcome> run(Grid grid) {
        return run(rank -> rank.launchRounds(grid));
    }

    List<Outcome> replay(Grid grid, int times) {
        return run(rank -> rank.launchGraph(grid, times));
    }

    /** All ranks launch before anybody waits. */
    private List<Outcome> run(Consumer<Rank> launch) {
        ranks.forEach(rank -> rank.device.run(() -> launch.accept(rank)));
        return ranks.stream().map(rank -> rank.device.call(rank::read)).toList();
    }

    @Override
    public void close() {
        ranks.forEach(Rank::close);
    }
}
