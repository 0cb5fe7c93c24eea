package io.chasqui.http;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;

/** Answers with an error where no resource has been reached. */
final class ErrorResponse {
    private ErrorResponse() {}

    static void send(HttpServerResponse response, ApiError error) {
        if (response.ended() || response.headWritten()) {
            return;
        }
        response.setStatusCode(error.status());
        error.headers().forEach(response::putHeader);
        response.putHeader("Content-Type", "application/json");
        response.end(Buffer.buffer(error.body()));
    }
}
