package io.chasqui.backend.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * Runs parallel regions on threads made once. The calling thread is worker 0 and the only one that
 * may submit; the others spin for a new region, then park, so an idle pool burns nothing.
 *
 * <p>A region is a number of items cut into contiguous bands that workers claim by one atomic add.
 * The caller waits for claimed bands only, never for a worker that claimed none: one that is parked
 * or has lost its core delays nobody. The claim word carries the region's generation, so a worker
 * that comes late claims from the region that is current then.
 */
final class WorkerPool implements AutoCloseable {

    /** The body of a region. */
    @FunctionalInterface
    interface Region {
        /** Works on items {@code [from, to)} as worker {@code worker}, 0 being the caller. */
        void run(int worker, int from, int to);
    }

    /** Waits longer than this at a region's end mean that somebody else has the core. */
    static final long LONG_WAIT_NANOS = 1_000_000;

    private static final long SPIN_NANOS = 100_000;
    private static final long YIELD_NANOS = 20_000;
    private static final int BANDS_PER_WORKER = 6;
    private static final int TURNS_PER_CLOCK = 32;

    // Bits of the claim word, from the lowest: next item, items, generation.
    private static final int NEXT_BITS = 27;
    private static final int ITEM_BITS = 23;
    private static final int GENERATION_SHIFT = NEXT_BITS + ITEM_BITS;
    private static final int MAX_ITEMS = (1 << ITEM_BITS) - 1;

    private final Worker[] workers;

    /** Generation, number of items and next unclaimed item of the current region. */
    private final AtomicLong claim = new AtomicLong();

    private final AtomicInteger done = new AtomicInteger();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final AtomicLong longWaits = new AtomicLong();

    // Written before the claim word of their generation. The region is read after a successful
    // claim
    // and cannot change before that claim is worked off; the band is a size, whose age is no
    // matter.
    private Region region;
    private int band = 1;

    private volatile boolean closed;

    /**
     * @param threads workers, the caller included
     */
    WorkerPool(int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("threads must be at least 1, not " + threads);
        }
        workers = new Worker[threads - 1];
        for (int i = 0; i < workers.length; i++) {
            workers[i] = new Worker(i + 1);
            workers[i].thread.start();
        }
    }

    /** Workers, the caller included. */
    int size() {
        return workers.length + 1;
    }

    /** Regions whose caller waited more than a millisecond for the last band: CPU contention. */
    long longWaits() {
        return longWaits.get();
    }

    /** Runs a region in bands of at least {@code grain} items and returns when all are done. */
    void run(int itemCount, int grain, Region body) {
        if (workers.length == 0 || itemCount <= grain) {
            if (itemCount > 0) {
                body.run(0, 0, itemCount);
            }
            return;
        }
        submit(itemCount, grain, body);
        work(0);
        awaitDone(itemCount);
        region = null;
        var thrown = failure.getAndSet(null);
        if (thrown != null) {
            throw rethrow(thrown);
        }
    }

    private void submit(int itemCount, int grain, Region body) {
        if (itemCount > MAX_ITEMS) {
            throw new IllegalArgumentException("a region has at most " + MAX_ITEMS + " items");
        }
        int bands = size() * BANDS_PER_WORKER;
        region = body;
        band = Math.max(grain, (itemCount + bands - 1) / bands);
        done.setPlain(0);
        long generation = (claim.getPlain() >>> GENERATION_SHIFT) + 1;
        claim.set(generation << GENERATION_SHIFT | (long) itemCount << NEXT_BITS);
        for (var worker : workers) {
            if (worker.parked) {
                LockSupport.unpark(worker.thread);
            }
        }
    }

    /** Claims and runs bands until the current region has none left. */
    private void work(int worker) {
        while (true) {
            int size = band;
            long claimed = claim.getAndAdd(size);
            int from = (int) claimed & ((1 << NEXT_BITS) - 1);
            int end = (int) (claimed >>> NEXT_BITS) & MAX_ITEMS;
            if (from >= end) {
                return;
            }
            int to = Math.min(from + size, end);
            try {
                if (failure.getPlain() == null) {
                    region.run(worker, from, to);
                }
            } catch (Throwable t) {
                failure.compareAndSet(null, t);
            } finally {
                done.getAndAdd(to - from);
            }
        }
    }

    private void awaitDone(int itemCount) {
        if (done.get() == itemCount) {
            return;
        }
        long start = System.nanoTime();
        long waited = 0;
        for (int turn = 1; done.get() != itemCount; turn++) {
            if (waited > YIELD_NANOS) {
                Thread.yield();
                waited = System.nanoTime() - start;
            } else {
                Thread.onSpinWait();
                if (turn % TURNS_PER_CLOCK == 0) {
                    waited = System.nanoTime() - start;
                }
            }
        }
        if (waited > LONG_WAIT_NANOS) {
            longWaits.incrementAndGet();
        }
    }

    private static RuntimeException rethrow(Throwable thrown) {
        if (thrown instanceof Error error) {
            throw error;
        }
        throw thrown instanceof RuntimeException e ? e : new IllegalStateException(thrown);
    }

    /** Ends the threads. No region may be running. */
    @Override
    public void close() {
        closed = true;
        for (var worker : workers) {
            LockSupport.unpark(worker.thread);
        }
    }

    private final class Worker implements Runnable {
        final Thread thread;
        private final int index;
        volatile boolean parked;

        Worker(int index) {
            this.index = index;
            thread = Thread.ofPlatform().daemon().name("cpu-worker-" + index).unstarted(this);
        }

        @Override
        public void run() {
            long seen = 0;
            while (!closed) {
                long generation = claim.get() >>> GENERATION_SHIFT;
                if (generation != seen) {
                    seen = generation;
                    work(index);
                } else {
                    awaitGeneration(seen);
                }
            }
        }

        private void awaitGeneration(long seen) {
            long start = System.nanoTime();
            for (int turn = 1; claim.get() >>> GENERATION_SHIFT == seen; turn++) {
                Thread.onSpinWait();
                if (turn % TURNS_PER_CLOCK == 0 && System.nanoTime() - start > SPIN_NANOS) {
                    park(seen);
                    return;
                }
            }
        }

        private void park(long seen) {
            parked = true;
            // The submitter sets the claim word before it reads the flag; this thread does the
            // reverse, so one of the two sees the other.
            if (claim.get() >>> GENERATION_SHIFT == seen && !closed) {
                LockSupport.park(WorkerPool.this);
            }
            parked = false;
        }
    }
}
