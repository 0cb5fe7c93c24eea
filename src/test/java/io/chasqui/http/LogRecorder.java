package io.chasqui.http;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** All that is logged while it listens, the product's own loggers at every level. */
final class LogRecorder extends Handler implements AutoCloseable {
    private static final Logger ROOT = Logger.getLogger("");
    private static final Logger OURS = Logger.getLogger("io.chasqui");

    private final List<String> lines = new CopyOnWriteArrayList<>();

    LogRecorder() {
        setLevel(Level.ALL);
        OURS.setLevel(Level.ALL);
        ROOT.addHandler(this);
    }

    /** Logger, message, parameters and stack trace of each record. */
    List<String> lines() {
        return lines;
    }

    @Override
    public void publish(LogRecord logged) {
        var text = new StringWriter();
        text.append(logged.getLoggerName()).append(' ').append(logged.getMessage());
        if (logged.getParameters() != null) {
            text.append(' ').append(Arrays.deepToString(logged.getParameters()));
        }
        if (logged.getThrown() != null) {
            logged.getThrown().printStackTrace(new PrintWriter(text, true));
        }
        lines.add(text.toString());
    }

    @Override
    public void flush() {}

    @Override
    public void close() {
        ROOT.removeHandler(this);
        OURS.setLevel(null);
    }
}
