package io.chasqui.loader;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * Reads little-endian values one after the other from the start of a mapped file, through a window
 * on the heap. Every read is checked against the bytes that remain before anything is allocated.
 */
final class HeaderCursor {
    private static final int WINDOW = 1 << 16;

    private final MappedFile file;
    private byte[] window = new byte[WINDOW];
    private long windowStart;
    private int at;
    private int limit;

    HeaderCursor(MappedFile file) {
        this.file = file;
    }

    /** Bytes read so far. */
    long position() {
        return windowStart + at;
    }

    /** Bytes not read yet. */
    long remaining() {
        return file.size() - position();
    }

    int u8(String what) {
        need(1, what);
        return window[at++] & 255;
    }

    int u16(String what) {
        need(2, what);
        int value = window[at] & 255 | (window[at + 1] & 255) << 8;
        at += 2;
        return value;
    }

    int i32(String what) {
        need(4, what);
        int value =
                window[at] & 255
                        | (window[at + 1] & 255) << 8
                        | (window[at + 2] & 255) << 16
                        | window[at + 3] << 24;
        at += 4;
        return value;
    }

    long u32(String what) {
        return Integer.toUnsignedLong(i32(what));
    }

    long i64(String what) {
        long low = u32(what);
        return low | (long) i32(what) << 32;
    }

    /**
     * A 64-bit length and that many bytes of UTF-8.
     *
     * @param most longest accepted, in bytes
     */
    String string(int most, String what) {
        long length = i64(what);
        if (length < 0 || length > remaining()) {
            throw file.error(
                    what
                            + " is "
                            + Long.toUnsignedString(length)
                            + " bytes long; the file has "
                            + remaining()
                            + " left");
        }
        if (length > most) {
            throw file.error(what + " is " + length + " bytes long; at most " + most + " are read");
        }
        int bytes = (int) length;
        need(bytes, what);
        var value = new String(window, at, bytes, StandardCharsets.UTF_8);
        at += bytes;
        return value;
    }

    /** Makes the next {@code bytes} bytes available in the window. */
    private void need(int bytes, String what) {
        if (limit - at >= bytes) {
            return;
        }
        if (bytes > remaining()) {
            throw file.error("ends inside " + what);
        }
        windowStart += at;
        at = 0;
        if (bytes > window.length) {
            window = new byte[bytes];
        }
        limit = (int) Math.min(window.length, file.size() - windowStart);
        MemorySegment.copy(file.bytes(), ValueLayout.JAVA_BYTE, windowStart, window, 0, limit);
    }
}
