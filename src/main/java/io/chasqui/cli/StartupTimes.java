package io.chasqui.cli;

import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * How long a start took, by parts that may overlap.
 *
 * @param processStart when the operating system started this process
 * @param parts name and duration
 */
record StartupTimes(Instant processStart, Map<String, Duration> parts) {

    /** The time until now is the JVM's own. */
    static StartupTimes begin() {
        var now = Instant.now();
        var started = ProcessHandle.current().info().startInstant().orElse(now);
        var parts = new LinkedHashMap<String, Duration>();
        parts.put("JVM", Duration.between(started, now));
        return new StartupTimes(started, parts);
    }

    /** E.g. {@code 2.3 s (JVM 0.4, load and repack 0.8)}. */
    @Override
    public String toString() {
        return seconds(Duration.between(processStart, Instant.now()))
                + " s ("
                + parts.entrySet().stream()
                        .map(part -> part.getKey() + " " + seconds(part.getValue()))
                        .collect(Collectors.joining(", "))
                + ")";
    }

    private static String seconds(Duration duration) {
        return String.format(Locale.ROOT, "%.1f", duration.toMillis() / 1e3);
    }
}
