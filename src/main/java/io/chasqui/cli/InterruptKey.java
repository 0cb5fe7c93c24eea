package io.chasqui.cli;

import sun.misc.Signal;

/** Ctrl-C, for a program that goes on after it. */
final class InterruptKey {
    private InterruptKey() {}

    static void onPress(Runnable action) {
        Signal.handle(new Signal("INT"), _ -> action.run());
    }
}
