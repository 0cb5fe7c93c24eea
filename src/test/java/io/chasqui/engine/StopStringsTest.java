package io.chasqui.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class StopStringsTest {
    private static final int CASES = 20_000;

    @Test
    void findsAndHoldsBackWhatANaiveSearchDoes() {
        for (long seed = 0; seed < CASES; seed++) {
            var random = new SplittableRandom(seed);
            var stops = new ArrayList<String>();
            for (int i = 1 + random.nextInt(3); i > 0; i--) {
                stops.add(letters(random, 1 + random.nextInt(6)));
            }
            var text = letters(random, 40);
            var automaton = new StopStrings(stops);
            for (int end = 1; end <= text.length(); end++) {
                var seen = text.substring(0, end);
                var context = "seed " + seed + ": " + stops + " in " + seen;
                assertEquals(found(stops, seen), automaton.next(text.charAt(end - 1)), context);
                assertEquals(held(stops, seen), automaton.held(), context);
            }
        }
    }

    private static String letters(SplittableRandom random, int length) {
        var text = new StringBuilder();
        for (int i = 0; i < length; i++) {
            text.append(random.nextBoolean() ? 'a' : 'b');
        }
        return text.toString();
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

    /** Length of the longest end of the text that begins a stop string and is not all of it. */
    private static int held(List<String> stops, String seen) {
        int held = 0;
        for (var stop : stops) {
            for (int k = 1; k < stop.length(); k++) {
                if (seen.endsWith(stop.substring(0, k))) {
                    held = Math.max(held, k);
                }
            }
        }
        return held;
    }
}
