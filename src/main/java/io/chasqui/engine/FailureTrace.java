package io.chasqui.engine;

import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Where a failure of one request happened, for the log: classes and frames. Not the messages, which
 * may quote what the caller wrote.
 */
public final class FailureTrace {
    private static final int MAX_CAUSES = 8;
    private static final int MAX_FRAMES = 16;

    private FailureTrace() {}

    /** Lines of a failure and its causes. */
    public static String of(Throwable failure) {
        return Stream.iterate(failure, Objects::nonNull, Throwable::getCause)
                .limit(MAX_CAUSES)
                .map(f -> f.getClass().getName() + frames(f))
                .collect(Collectors.joining("\ncaused by "));
    }

    private static String frames(Throwable failure) {
        return Stream.of(failure.getStackTrace())
                .limit(MAX_FRAMES)
                .map(frame -> "\n\tat " + frame)
                .collect(Collectors.joining());
    }
}
