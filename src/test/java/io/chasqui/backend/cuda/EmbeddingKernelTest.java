package io.chasqui.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The embedding kernel on the emulator: a table in shards, tokens that only the device knows. */
class EmbeddingKernelTest {
    private static final int TILE = 64;
    private static final int GROUP = 16;
    private static final int MAX_RANKS = 8;

    private final List<DeviceMemory> memories = new ArrayList<>();
    private CudaEmulator emulator;
    private CudaDevice device;
    private List<CudaDevice> peers;

    @BeforeEach
    void start() {
        emulator = CudaEmulator.load();
        emulator.reset(4, 64 << 20);
        device = new CudaDevice(0, 0);
        peers = IntStream.range(1, 4).mapToObj(i -> new CudaDevice(i, i)).toList();
        device.run(() -> peers.forEach(device::reach));
    }

    @AfterEach
    void stop() {
        if (device != null) {
            device.close();
            peers.forEach(CudaDevice::close);
        }
    }

    /** Rows of bf16 numbers, of which each shard holds as many. */
    private record Table(int rows, int hidden, int rowsPerShard, short[][] values) {

        static Table random(RandomGenerator random) {
            int rowsPerShard = TILE * (1 + random.nextInt(2));
            int rows = 3 * rowsPerShard + 1 + random.nextInt(rowsPerShard);
            int hidden = GROUP * (1 + random.nextInt(12));
            var values = new short[rows][hidden];
            for (var row : values) {
                for (int i = 0; i < hidden; i++) {
                    row[i] = Bf16.of((float) random.nextGaussian());
                }
            }
            return new Table(rows, hidden, rowsPerShard, values);
        }

        /** The layout of {@code Matrix} in params.cuh. */
        short[] packed(int shard) {
            int columnTiles = Math.ceilDiv(hidden, TILE);
            var tiles = new short[rowsPerShard * columnTiles * TILE];
            for (int r = 0; r < rowsPerShard && shard * rowsPerShard + r < rows; r++) {
                for (int c = 0; c < hidden; c++) {
                    int tile = r / TILE * columnTiles + c / TILE;
                    int chunk = (c % TILE / 8) ^ (r & 7);
                    int at = tile * TILE * TILE + r % TILE * TILE + chunk * 8 + c % 8;
                    tiles[at] = values[shard * rowsPerShard + r][c];
                }
            }
            return tiles;
        }
    }

    private DeviceMemory allocate(long bytes) {
        var memory = DeviceMemory.allocate("a test", bytes);
        memories.add(memory);
        return memory;
    }

    private DeviceMemory upload(MemorySegment heap) {
        var memory = allocate(heap.byteSize());
        try (var arena = Arena.ofConfined()) {
            memory.write(0, arena.allocate(heap.byteSize(), 8).copyFrom(heap));
        }
        return memory;
    }

    private DeviceMemory upload(int... values) {
        return upload(MemorySegment.ofArray(values));
    }

    private static MemorySegment content(DeviceMemory memory, Arena arena) {
        var bytes = arena.allocate(memory.bytes(), 8);
        memory.read(0, bytes);
        return bytes;
    }

    @Test
    void looksUpRowsInAllShards() {
        for (int seed = 0; seed < 12; seed++) {
            emulator.setSeed(seed);
            var random = new SplittableRandom(seed);
            var table = Table.random(random);
            int tokens = 1 + random.nextInt(6);
            int[] sampled = random.ints(9, 0, table.rows()).toArray();
            int[] ids = new int[tokens];
            int[] written = new int[tokens];
            for (int t = 0; t < tokens; t++) {
                int row = random.nextInt(9);
                boolean known = random.nextBoolean();
                ids[t] = known ? random.nextInt(table.rows()) : sampled[row];
                written[t] = known ? ids[t] : -1 - row;
            }
            var why = "seed " + seed;
            var shards = new long[4];
            for (int s = 0; s < 4; s++) {
                short[] packed = table.packed(s);
                var owner = s == 0 ? device : peers.get(s - 1);
                shards[s] = owner.call(() -> upload(MemorySegment.ofArray(packed)).address());
            }
            int threads = 32 << random.nextInt(4);
            device.run(() -> check(table, shards, ids, written, sampled, threads, why));
            memories.clear();
        }
    }

    private void check(
            Table table,
            long[] shards,
            int[] ids,
            int[] written,
            int[] sampled,
            int threads,
            String why) {
        int hidden = table.hidden();
        int tokens = ids.length;
        int padded = tokens + 2;
        float[] norm = new float[hidden];
        for (int i = 0; i < hidden; i++) {
            norm[i] = 0.5f + i % 7;
        }
        var values = allocate(4L * padded * hidden);
        var x = allocate(2L * padded * hidden);
        var squares = allocate(4L * padded * hidden / GROUP);
        for (var memory : List.of(values, x, squares)) {
            memory.fill((byte) 0x55);
        }
        var kernel = EmulatedKernels.load("embedding").get("embedding");
        var parameters = kernel.parameters();
        parameters.put(upload(tokens, 0, 0, 0, 0).address());
        parameters.put(upload(Arrays.copyOf(written, padded)).address());
        for (int unused = 0; unused < 9; unused++) {
            parameters.put(0L);
        }
        parameters
                .put(upload(sampled).address())
                .put(shards, MAX_RANKS)
                .put(table.rowsPerShard())
                .put(upload(MemorySegment.ofArray(norm)).address())
                .put(values.address())
                .put(x.address())
                .put(squares.address())
                .put(hidden);
        kernel.launch(device.stream(), padded, 1, threads, 0);
        device.synchronize();
        try (var arena = Arena.ofConfined()) {
            var residual = content(values, arena);
            var scaled = content(x, arena);
            var sums = content(squares, arena);
            for (int t = 0; t < tokens; t++) {
                short[] row = table.values()[ids[t]];
                short[] gotX = new short[hidden];
                short[] expectedX = new short[hidden];
                double sum = 0;
                for (int i = 0; i < hidden; i++) {
                    long at = (long) t * hidden + i;
                    float value = Bf16.toFloat(row[i]);
                    assertEquals(value, residual.getAtIndex(ValueLayout.JAVA_FLOAT, at), why);
                    gotX[i] = scaled.getAtIndex(ValueLayout.JAVA_SHORT, at);
                    expectedX[i] = Bf16.of(value * norm[i]);
                    sum += (double) value * value;
                    if (i % GROUP == GROUP - 1) {
                        long group = at / GROUP;
                        float got = sums.getAtIndex(ValueLayout.JAVA_FLOAT, group);
                        assertEquals(sum, got, 1e-6 * sum, why);
                        sum = 0;
                    }
                }
                assertArrayEquals(expectedX, gotX, why);
            }
            long end = 4L * tokens * hidden;
            for (long at = end; at < residual.byteSize(); at++) {
                assertEquals(0x55, residual.get(ValueLayout.JAVA_BYTE, at), why + ": padding");
            }
        }
    }
}
