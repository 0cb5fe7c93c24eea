package io.chasqui.http;

import java.nio.charset.StandardCharsets;

/** What a refusal of a hostile body has to be: the caller's fault, and short. */
final class Refusals {
    private static final int MAX_BYTES = 8_192;

    private Refusals() {}

    static void check(ApiException refusal) {
        var error = refusal.error();
        boolean callersFault = error.status() >= 400 && error.status() < 500;
        if (!callersFault) {
            throw new AssertionError("status " + error.status());
        }
        if (error.message() == null || error.message().isBlank()) {
            throw new AssertionError("no message");
        }
        int bytes = error.message().getBytes(StandardCharsets.UTF_8).length;
        int paramBytes =
                error.param() == null ? 0 : error.param().getBytes(StandardCharsets.UTF_8).length;
        if (bytes > MAX_BYTES || paramBytes > MAX_BYTES) {
            throw new AssertionError("a message of " + bytes + " bytes about " + paramBytes);
        }
    }
}
