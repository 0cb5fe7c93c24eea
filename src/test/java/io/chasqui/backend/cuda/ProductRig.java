package io.chasqui.backend.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs the kernels of matrix products on an emulated device. Every input has memory of its own of
 * just its size, and outputs are filled with {@link #UNTOUCHED} before.
 */
final class ProductRig implements AutoCloseable {
    /** Bits of what no kernel writes, a NaN. */
    static final byte UNTOUCHED = (byte) 0x7f;

    private static final int PADDING = 3;

    private final CudaDevice device;
    private final Kernels kernels;
    private final ProductProblem problem;
    private final List<DeviceMemory> memories = new ArrayList<>();

    /** Where k and v go: as many pages as the tokens fill. */
    record Cache(short[] keys, short[] values) {}

    record Qkv(short[] queries, Cache cache) {}

    record Residual(float[] values, short[] x, float[] squares, float[] partial) {}

    /** A kernel and its grid. */
    record Way(String kernel, int columns, int rows, int threads, int sharedBytes) {

        /** A tuned kernel on a grid for more tokens than there are. */
        static Way of(GemmTile tile, String stage, String suffix, int matrixRows, int tokens) {
            return new Way(
                    tile.kernel(stage) + suffix,
                    tile.columns(matrixRows),
                    tile.rows(tokens) + 1,
                    tile.threads(),
                    tile.sharedBytes());
        }

        static Way plain(String stage, int elements, int tokens) {
            return new Way(stage + "_plain", Math.ceilDiv(elements, 64), tokens + 1, 64, 0);
        }
    }

    /** To be called on the device's thread, as all methods. */
    ProductRig(CudaDevice device, Kernels kernels, ProductProblem problem) {
        this.device = device;
        this.kernels = kernels;
        this.problem = problem;
    }

    Qkv qkv(Way way) {
        var p = problem;
        int pages = Math.ceilDiv(p.tokens, p.blockSize);
        int elements = pages * p.blockSize * p.kvHeads * p.headDim;
        var queries = output(2L * (p.tokens + PADDING) * p.heads * p.headDim);
        var keys = output(2L * elements);
        var values = output(2L * elements);
        var parameters = withNormedInput(way);
        matrix(parameters, p.qkv);
        parameters
                .put(p.heads)
                .put(upload(p.frequencies))
                .put(queries.address())
                .put(keys.address())
                .put(values.address())
                .put(p.kvHeads)
                .put(p.blockSize)
                .put(p.headDim);
        launch(way);
        return new Qkv(shorts(queries), new Cache(shorts(keys), shorts(values)));
    }

    short[] gateUp(Way way) {
        var inner = output(2L * (problem.tokens + PADDING) * problem.ffn);
        var parameters = withNormedInput(way);
        matrix(parameters, problem.gateUp);
        parameters.put(inner.address());
        launch(way);
        return shorts(inner);
    }

    /**
     * @param alone whether there are no other ranks
     */
    Residual residual(Way way, boolean alone) {
        var p = problem;
        var values = upload(p.values, PADDING * p.hidden);
        var x = output(2L * (p.tokens + PADDING) * p.hidden);
        var squares = output(4L * (p.tokens + PADDING) * p.hidden / 16);
        var partial = output(4L * (p.tokens + PADDING) * p.hidden);
        var parameters = withStep(way);
        parameters.put(upload(p.inner));
        matrix(parameters, p.down);
        parameters
                .put(upload(p.norm))
                .put(values.address())
                .put(x.address())
                .put(squares.address())
                .put(p.hidden)
                .endStruct()
                .put(alone ? 0L : partial.address());
        launch(way);
        return new Residual(floats(values), shorts(x), floats(squares), floats(partial));
    }

    /**
     * @param vocab columns of logits
     * @param first column of this rank's first id
     */
    float[] logits(Way way, int vocab, int first) {
        var logits = output(4L * (problem.tokens + PADDING) * vocab);
        var parameters = withNormedInput(way);
        matrix(parameters, problem.head);
        parameters.put(logits.address()).put(vocab).put(first);
        launch(way);
        return floats(logits);
    }

    private void launch(Way way) {
        kernels.get(way.kernel)
                .launch(device.stream(), way.columns, way.rows, way.threads, way.sharedBytes);
        device.synchronize();
    }

    private ParameterBlock withStep(Way way) {
        var rows = new int[problem.tokens * StepLayout.ROW_BYTES / Integer.BYTES];
        for (int i = 0; i < problem.tokens; i++) {
            rows[i * StepLayout.ROW_BYTES / Integer.BYTES] = problem.logitsTokens[i];
        }
        return kernels.get(way.kernel)
                .parameters()
                .put(upload(problem.tokens, 0, problem.tokens, 0, 0))
                .put(0L)
                .put(upload(problem.positions))
                .put(upload(problem.slots))
                .put(0L)
                .put(0L)
                .put(0L)
                .put(upload(rows))
                .put(0L)
                .put(0L)
                .put(0L)
                .put(0L);
    }

    private ParameterBlock withNormedInput(Way way) {
        return withStep(way)
                .put(0L)
                .put(upload(problem.x))
                .put(upload(problem.squares))
                .put(problem.hidden)
                .endStruct()
                .put(ProductProblem.EPS);
    }

    private void matrix(ParameterBlock parameters, ProductProblem.Weights weights) {
        parameters
                .put(upload(weights.tiles()))
                .put(weights.rows())
                .put(weights.columns())
                .endStruct();
    }

    private DeviceMemory allocate(long bytes) {
        var memory = DeviceMemory.allocate("a product", bytes);
        memories.add(memory);
        return memory;
    }

    private DeviceMemory output(long bytes) {
        var memory = allocate(bytes);
        memory.fill(UNTOUCHED);
        return memory;
    }

    private long upload(int... values) {
        return upload(MemorySegment.ofArray(values), 0).address();
    }

    private long upload(short[] values) {
        return upload(MemorySegment.ofArray(values), 0).address();
    }

    private long upload(float[] values) {
        return upload(values, 0).address();
    }

    private DeviceMemory upload(float[] values, int more) {
        return upload(MemorySegment.ofArray(values), more * Float.BYTES);
    }

    private DeviceMemory upload(MemorySegment values, int more) {
        var memory = output(values.byteSize() + more);
        try (var arena = Arena.ofConfined()) {
            memory.write(0, arena.allocate(values.byteSize(), 8).copyFrom(values));
        }
        return memory;
    }

    private static short[] shorts(DeviceMemory memory) {
        try (var arena = Arena.ofConfined()) {
            var copy = arena.allocate(memory.bytes(), 8);
            memory.read(0, copy);
            return copy.toArray(ValueLayout.JAVA_SHORT);
        }
    }

    private static float[] floats(DeviceMemory memory) {
        try (var arena = Arena.ofConfined()) {
            var copy = arena.allocate(memory.bytes(), 8);
            memory.read(0, copy);
            return copy.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    @Override
    public void close() {
        memories.forEach(DeviceMemory::close);
    }
}
