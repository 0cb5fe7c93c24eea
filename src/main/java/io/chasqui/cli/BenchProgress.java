package io.chasqui.cli;

import java.io.PrintStream;

/** Says on stderr what a benchmark is doing, so that stdout holds results only. */
final class BenchProgress {
    private final PrintStream out = System.err;
    private final boolean terminal = System.console() != null && System.console().isTerminal();

    /** Replaces the current line on a terminal; elsewhere prints nothing. */
    void update(String format, Object... args) {
        if (terminal) {
            out.print("\r\u001b[K" + format.formatted(args));
            out.flush();
        }
    }

    /** Prints a line that stays. */
    void line(String format, Object... args) {
        clear();
        out.println(format.formatted(args));
    }

    /** Removes what {@link #update} left. */
    void clear() {
        update("");
    }
}
