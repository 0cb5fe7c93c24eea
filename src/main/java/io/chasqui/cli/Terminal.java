package io.chasqui.cli;

/** What kind of terminal this process has. */
final class Terminal {
    private Terminal() {}

    /** Whether a person sits at both ends: input is typed and output is seen. */
    static boolean isInteractive() {
        var console = System.console();
        return console != null && console.isTerminal();
    }
}
