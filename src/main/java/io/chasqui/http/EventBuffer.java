package io.chasqui.http;

import java.io.ByteArrayOutputStream;

/**
 * Bytes for one write, of which the last output can be taken back if it did not come to its end.
 */
final class EventBuffer extends ByteArrayOutputStream {
    private static final int CAPACITY = 1024;

    private int whole;

    EventBuffer() {
        super(CAPACITY);
    }

    /** All so far is whole. */
    void mark() {
        whole = count;
    }

    /** Takes back what came after the last {@link #mark}. */
    void cutBack() {
        count = whole;
    }
}
