package io.chasqui.backend.cuda;

import static jcuda.driver.JCudaDriver.cuMemcpyDtoDAsync;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The barrier of ranks as a kernel: what all wrote before it, one reads after it. */
class RankBarrierTest {
    private static final int RANKS = 4;
    private static final int ROUNDS = 12;
    private static final int MAX_RANKS = 8;

    /** A rank and its memory. */
    private record Rank(
            CudaDevice device, Kernel barrier, DeviceMemory flags, DeviceMemory numbers) {

        /** To be called on the device's thread. */
        static Rank create(int index, CudaDevice device) {
            var flags = DeviceMemory.allocate("flags", 4L * 128 * MAX_RANKS);
            flags.fill((byte) 0);
            // Round by round what the rank writes, and what it has gathered.
            var numbers = DeviceMemory.allocate("numbers", 4L * ROUNDS * (1 + RANKS) + 4 * RANKS);
            try (var arena = Arena.ofConfined()) {
                int[] own = IntStream.range(0, ROUNDS).map(r -> 100 * r + index).toArray();
                numbers.write(0, arena.allocateFrom(ValueLayout.JAVA_INT, own));
            }
            var kernel = EmulatedKernels.load("rank_barrier").get("rank_barrier");
            return new Rank(device, kernel, flags, numbers);
        }

        void copy(long to, long from, long bytes) {
            CudaError.check(
                    cuMemcpyDtoDAsync(
                            new DevicePointer(to), new DevicePointer(from), bytes, device.stream()),
                    "copying");
        }

        void meet(int index, List<Rank> ranks) {
            barrier.parameters()
                    .put(
                            ranks.stream().mapToLong(rank -> rank.flags.address()).toArray(),
                            MAX_RANKS)
                    .put(index)
                    .put(ranks.size());
            barrier.launch(device.stream(), 1, 1, 32, 0);
        }
    }

    @Test
    void whatRanksWroteBeforeItIsThereAfterIt() {
        var emulator = CudaEmulator.load();
        emulator.reset(RANKS, 16 << 20);
        for (int seed = 0; seed < 4; seed++) {
            emulator.setSeed(seed);
            var ranks =
                    IntStream.range(0, RANKS)
                            .mapToObj(
                                    i -> {
                                        var device = new CudaDevice(i, i);
                                        return device.call(() -> Rank.create(i, device));
                                    })
                            .toList();
            for (var rank : ranks) {
                rank.device().run(() -> ranks.forEach(p -> rank.device().reach(p.device())));
            }
            emulator.addFaults("slow@rank_barrier:" + (3 + 7 * seed) + "=10");
            check(ranks, "seed " + seed);
            emulator.removeFaults();
            for (var rank : ranks) {
                rank.device().run(rank.flags()::close);
                rank.device().run(rank.numbers()::close);
                rank.device().close();
            }
        }
    }

    private static void check(List<Rank> ranks, String why) {
        var first = ranks.getFirst();
        long meetingPlace = first.numbers().address() + 4L * ROUNDS * (1 + RANKS);
        long gathered = first.numbers().address() + 4L * ROUNDS;
        for (int i = 0; i < RANKS; i++) {
            int index = i;
            var rank = ranks.get(i);
            rank.device()
                    .run(
                            () -> {
                                for (int round = 0; round < ROUNDS; round++) {
                                    long own = rank.numbers().address() + 4L * round;
                                    rank.copy(meetingPlace + 4L * index, own, 4);
                                    rank.meet(index, ranks);
                                    if (rank == first) {
                                        long to = gathered + 4L * RANKS * round;
                                        rank.copy(to, meetingPlace, 4L * RANKS);
                                    }
                                    rank.meet(index, ranks);
                                }
                            });
        }
        ranks.forEach(rank -> rank.device().run(rank.device()::synchronize));
        first.device()
                .run(
                        () -> {
                            try (var arena = Arena.ofConfined()) {
                                var got = arena.allocate(4L * ROUNDS * RANKS, 4);
                                first.numbers().read(4L * ROUNDS, got);
                                for (int i = 0; i < ROUNDS * RANKS; i++) {
                                    assertEquals(
                                            100 * (i / RANKS) + i % RANKS,
                                            got.getAtIndex(ValueLayout.JAVA_INT, i),
                                            why);
                                }
                            }
                        });
    }
}
