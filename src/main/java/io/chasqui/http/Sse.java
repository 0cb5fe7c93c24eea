package io.chasqui.http;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/**
 * Server-sent events, as every client reads them: {@code data: } with its space, one line of JSON,
 * no {@code id:} or {@code retry:} (they break the Python SDK).
 */
final class Sse {
    static final String MEDIA_TYPE = "text/event-stream; charset=utf-8";

    /** A comment that keeps connections open. */
    static final byte[] PING = bytes(": ping\n\n");

    private static final byte[] DATA = bytes("data: ");
    private static final byte[] ERROR = bytes("event: error\ndata: ");
    private static final byte[] END = bytes("\n\n");
    private static final byte[] DONE = bytes("data: [DONE]\n\n");

    private Sse() {}

    static void event(OutputStream out, Json.Content members) {
        write(out, DATA);
        Json.object(out, members);
        write(out, END);
    }

    /** The one form of an error after status 200 that all clients report. */
    static void error(OutputStream out, ApiError error) {
        write(out, ERROR);
        Json.object(out, error::writeTo);
        write(out, END);
    }

    static void done(OutputStream out) {
        write(out, DONE);
    }

    private static void write(OutputStream out, byte[] bytes) {
        try {
            out.write(bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
