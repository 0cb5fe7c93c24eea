package io.chasqui.engine;

import java.util.Arrays;

/** When the tokens of one choice came, in nanoseconds from its arrival. */
final class RequestTimes {
    private long firstToken = -1;
    private long lastToken = -1;
    private long[] gaps = new long[16];
    private int numGaps;

    void token(long sinceArrival) {
        if (firstToken < 0) {
            firstToken = sinceArrival;
        } else {
            if (numGaps == gaps.length) {
                gaps = Arrays.copyOf(gaps, 2 * numGaps);
            }
            gaps[numGaps++] = sinceArrival - lastToken;
        }
        lastToken = sinceArrival;
    }

    long firstToken() {
        return firstToken;
    }

    long[] gaps() {
        return Arrays.copyOf(gaps, numGaps);
    }
}
