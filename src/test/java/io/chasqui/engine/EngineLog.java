package io.chasqui.engine;

import java.util.logging.Level;
import java.util.logging.Logger;

/** The engine's log, silent while errors are injected. */
final class EngineLog {
    private static final Logger LOG = Logger.getLogger(EngineLoop.class.getPackageName());

    private EngineLog() {}

    static void silence() {
        LOG.setLevel(Level.OFF);
    }

    static void speak() {
        LOG.setLevel(null);
    }
}
