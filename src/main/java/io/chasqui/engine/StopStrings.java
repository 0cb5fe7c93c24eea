package io.chasqui.engine;

import java.util.List;

/**
 * Looks for stop strings in text that arrives in pieces. Linear in the text: one Knuth-Morris-Pratt
 * automaton per stop string, whose state is the length of the longest suffix seen that begins it.
 */
final class StopStrings {
    private final String[] stops;
    private final int[][] failure;
    private final int[] state;

    StopStrings(List<String> stops) {
        this.stops = stops.toArray(String[]::new);
        failure = new int[this.stops.length][];
        state = new int[this.stops.length];
        for (int i = 0; i < failure.length; i++) {
            failure[i] = failureOf(this.stops[i]);
        }
    }

    private static int[] failureOf(String stop) {
        var failure = new int[stop.length() + 1];
        for (int i = 1, k = 0; i < stop.length(); i++) {
            while (k > 0 && stop.charAt(i) != stop.charAt(k)) {
                k = failure[k];
            }
            k += stop.charAt(i) == stop.charAt(k) ? 1 : 0;
            failure[i + 1] = k;
        }
        return failure;
    }

    /**
     * Reads one more character.
     *
     * @return the stop string that ends with it, the longest if there are several, or null
     */
    String next(char c) {
        String found = null;
        for (int i = 0; i < stops.length; i++) {
            int k = state[i];
            while (k == stops[i].length() || k > 0 && stops[i].charAt(k) != c) {
                k = failure[i][k];
            }
            k += stops[i].charAt(k) == c ? 1 : 0;
            state[i] = k;
            if (k == stops[i].length() && (found == null || found.length() < k)) {
                found = stops[i];
            }
        }
        return found;
    }

    /** Characters at the end of the text so far that may still become a stop string. */
    int held() {
        int held = 0;
        for (int i = 0; i < state.length; i++) {
            int k = state[i] == stops[i].length() ? failure[i][state[i]] : state[i];
            held = Math.max(held, k);
        }
        return held;
    }
}
