package io.chasqui.http;

/** Counts the characters of UTF-8 that comes in pieces, which may end within a character. */
final class CodePointCounter {
    private int complete;

    /** Bytes that the character begun still lacks. */
    private int missing;

    /** Characters seen whole; a malformed one counts when it is known to be so. */
    int complete() {
        return complete;
    }

    void add(byte[] bytes) {
        for (byte b : bytes) {
            add(b & 0xFF);
        }
    }

    private void add(int b) {
        boolean continuation = (b & 0xC0) == 0x80;
        if (continuation && missing > 0) {
            missing--;
        } else {
            complete += missing > 0 ? 1 : 0;
            missing = b < 0xC0 ? 0 : b < 0xE0 ? 1 : b < 0xF0 ? 2 : 3;
        }
        complete += missing == 0 ? 1 : 0;
    }
}
