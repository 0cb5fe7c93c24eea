package io.chasqui.backend.cpu;

/** Runs a range of independent pieces of work, perhaps on several threads, and waits for them. */
@FunctionalInterface
interface ParallelFor {
    /** On the calling thread, all at once. */
    ParallelFor SEQUENTIAL = (count, band) -> band.run(0, count);

    /** Calls {@code band} for ranges that together cover {@code 0..count} once. */
    void run(int count, Band band);

    /** Work on the pieces {@code from..to}. */
    @FunctionalInterface
    interface Band {
        void run(int from, int to);
    }
}
