package io.chasqui.grammar;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;

/**
 * Counts what a compilation has used and ends it at the limit or when its thread is interrupted.
 */
final class CompileBudget {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    private static final int WORK_PER_CHECK = 1 << 14;

    /** A state before determinisation is far cheaper than one after it. */
    private static final int FRAGMENT_STATES_PER_STATE = 10;

    private static final long MAX_PLACES = 16L << 20;

    private final GrammarLimits limits;
    private final long deadline;
    private int states;
    private long fragmentStates;
    private long places;
    private int work;

    CompileBudget(GrammarLimits limits) {
        this.limits = limits;
        this.deadline = now() + limits.cpuTime().toNanos();
    }

    GrammarLimits limits() {
        return limits;
    }

    void addState() {
        if (++states > limits.states()) {
            throw tooLarge();
        }
    }

    void addFragmentState() {
        if (++fragmentStates > (long) limits.states() * FRAGMENT_STATES_PER_STATE) {
            throw tooLarge();
        }
        work(1);
    }

    /** Counts the characters that tell where a part of the source is. */
    void addPlace(int length) {
        places += length;
        if (places > MAX_PLACES) {
            throw new GrammarException(
                    "the schema has too many parts for names this long; use shorter names");
        }
    }

    private GrammarException tooLarge() {
        return new GrammarException(
                "the grammar needs more than "
                        + limits.states()
                        + " states; use smaller repetition counts or fewer alternatives");
    }

    /** Counts elementary operations, so that time is looked at often enough. */
    void work(int operations) {
        work += operations;
        if (work < WORK_PER_CHECK) {
            return;
        }
        work = 0;
        if (Thread.currentThread().isInterrupted()) {
            throw new GrammarException("compiling the grammar was interrupted");
        }
        if (now() - deadline > 0) {
            throw new GrammarException(
                    "compiling the grammar took longer than "
                            + limits.cpuTime().toMillis()
                            + " ms; make it simpler");
        }
    }

    /** Nanoseconds that this thread has computed, from some moment on. */
    static long now() {
        long cpu = THREADS.getCurrentThreadCpuTime();
        return cpu < 0 ? System.nanoTime() : cpu;
    }

    void checkNesting(int depth, String what) {
        if (depth > limits.nesting()) {
            throw new GrammarException(what + " is nested deeper than " + limits.nesting());
        }
    }
}
