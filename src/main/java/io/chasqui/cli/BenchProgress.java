package io.chasqui.cli;

import java.io.PrintStream;
import java.time.Duration;

/**
 * Says on stderr what a benchmark is doing, so that stdout holds results only: on a terminal in one
 * line that changes, elsewhere as a line now and then.
 */
final class BenchProgress {
    private static final long LINE_NANOS = Duration.ofSeconds(5).toNanos();

    private final PrintStream out = System.err;
    private final boolean terminal = Terminal.isInteractive();
    private long shownAt = System.nanoTime();

    /** Tells what is being done now. */
    void update(String format, Object... args) {
        if (terminal) {
            out.print("\r\033[K" + format.formatted(args));
            out.flush();
        } else if (System.nanoTime() - shownAt > LINE_NANOS) {
            shownAt = System.nanoTime();
            out.println(format.formatted(args));
        }
    }

    /** Prints a line that stays. */
    void line(String format, Object... args) {
        clear();
        out.println(format.formatted(args));
    }

    /** Removes what {@link #update} left on a terminal. */
    void clear() {
        if (terminal) {
            out.print("\r\033[K");
            out.flush();
        }
    }
}
