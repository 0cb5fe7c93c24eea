package io.chasqui.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Reads a buffer far larger than the caches, as fast as this machine lets plain loads: the roof
 * that a memory-bound decode is held against.
 */
public final class MemoryBandwidth {
    private static final VectorSpecies<Long> SPECIES = LongVector.SPECIES_PREFERRED;
    private static final long BYTES = 768L << 20;
    private static final int PASSES = 16;

    private MemoryBandwidth() {}

    /**
     * Best of several passes over a buffer that {@code threads} threads share out, in bytes per
     * second. Takes about a second.
     */
    public static double measure(int threads) {
        try (var arena = Arena.ofShared()) {
            var buffer = HugePageMemory.allocate(arena, BYTES).fill((byte) 1);
            var slice = BYTES / threads / 4096 * 4096;
            var start = new long[PASSES];
            var end = new long[PASSES];
            var pass = new int[1];
            var sums = new long[threads];
            var begin = new CyclicBarrier(threads, () -> start[pass[0]] = System.nanoTime());
            var done = new CyclicBarrier(threads, () -> end[pass[0]++] = System.nanoTime());
            var readers = new Thread[threads];
            for (int t = 0; t < threads; t++) {
                var part = buffer.asSlice(t * slice, slice);
                int reader = t;
                readers[t] =
                        Thread.ofPlatform()
                                .name("bandwidth-" + t)
                                .start(() -> sums[reader] = readRepeatedly(part, begin, done));
            }
            join(readers);
            check(sums, slice);
            double best = 0;
            for (int p = 0; p < PASSES; p++) {
                best = Math.max(best, slice * threads * 1e9 / (end[p] - start[p]));
            }
            return best;
        }
    }

    private static long readRepeatedly(
            MemorySegment part, CyclicBarrier begin, CyclicBarrier done) {
        long sum = 0;
        try {
            for (int p = 0; p < PASSES; p++) {
                begin.await();
                sum = sum(part);
                done.await();
            }
        } catch (BrokenBarrierException e) {
            throw new IllegalStateException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return sum;
    }

    /** Sum of all longs; the segment's size is a multiple of 4096. */
    private static long sum(MemorySegment part) {
        int step = SPECIES.vectorByteSize();
        var a = LongVector.zero(SPECIES);
        var b = a;
        var c = a;
        var d = a;
        var order = ByteOrder.nativeOrder();
        for (long i = 0; i < part.byteSize(); i += 4L * step) {
            a = a.add(LongVector.fromMemorySegment(SPECIES, part, i, order));
            b = b.add(LongVector.fromMemorySegment(SPECIES, part, i + step, order));
            c = c.add(LongVector.fromMemorySegment(SPECIES, part, i + 2L * step, order));
            d = d.add(LongVector.fromMemorySegment(SPECIES, part, i + 3L * step, order));
        }
        return a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD);
    }

    /** A wrong sum would mean that the loads did not happen. */
    private static void check(long[] sums, long bytes) {
        for (var sum : sums) {
            if (sum != bytes / Long.BYTES * 0x0101010101010101L) {
                throw new IllegalStateException("a reader missed part of the buffer");
            }
        }
    }

    private static void join(Thread[] threads) {
        for (var thread : threads) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
