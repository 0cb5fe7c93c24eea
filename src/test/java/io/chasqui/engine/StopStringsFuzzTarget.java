package io.chasqui.engine;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** A line of stop strings, apart by spaces, and a text to look for them in. */
public final class StopStringsFuzzTarget {
    private static final int MAX_STOPS = 4;
    private static final int MAX_TEXT = 500;

    private StopStringsFuzzTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        var lines = new String(input, StandardCharsets.UTF_8).split("\n", 2);
        var stops =
                Stream.of(lines[0].split(" "))
                        .filter(stop -> !stop.isEmpty())
                        .limit(MAX_STOPS)
                        .toList();
        if (lines.length < 2 || stops.isEmpty()) {
            return;
        }
        var text = lines[1].substring(0, Math.min(MAX_TEXT, lines[1].length()));
        var automaton = new StopStrings(stops);
        for (int end = 1; end <= text.length(); end++) {
            var found = automaton.next(text.charAt(end - 1));
            var seen = text.substring(0, end);
            expect(Objects.equals(found, found(stops, seen)), stops + " found in " + seen);
            expect(automaton.held() == held(stops, seen), stops + " held back in " + seen);
        }
    }

    private static void expect(boolean condition, String otherwise) {
        if (!condition) {
            throw new AssertionError(otherwise);
        }
    }

    private static String found(List<String> stops, String seen) {
        String longest = null;
        for (var stop : stops) {
            if (seen.endsWith(stop) && (longest == null || longest.length() < stop.length())) {
                longest = stop;
            }
        }
        return longest;
    }

    private static int held(List<String> stops, String seen) {
        int held = 0;
        for (var stop : stops) {
            for (int k = held + 1; k < stop.length(); k++) {
                if (seen.endsWith(stop.substring(0, k))) {
                    held = k;
                }
            }
        }
        return held;
    }
}
