package io.chasqui.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.chasqui.engine.AdmissionException;
import io.chasqui.engine.EngineError;
import java.io.IOException;
import java.util.Map;

/**
 * What a caller is told when a request fails.
 *
 * @param status HTTP status
 * @param type class of error, in the OpenAI API's words
 * @param code the error itself, or null
 * @param param path of the offending field, or null
 * @param message says what to do; holds no class name, file path or address
 * @param headers headers that belong to it
 */
record ApiError(
        int status,
        String type,
        String code,
        String param,
        String message,
        Map<String, String> headers) {

    private static final String INVALID_REQUEST = "invalid_request_error";
    private static final String SERVER = "server_error";
    private static final Map<String, String> NO_RETRY = Map.of("x-should-retry", "false");
    private static final int RETRY_SECONDS = 5;

    static ApiError badRequest(String code, String param, String message) {
        return new ApiError(400, INVALID_REQUEST, code, param, message, Map.of());
    }

    static ApiError invalid(String param, String message) {
        return badRequest("invalid_value", param, message);
    }

    static ApiError missing(String param) {
        return badRequest("missing_required_parameter", param, "'" + param + "' is required.");
    }

    static ApiError unknown(String param) {
        return badRequest(
                "unknown_parameter", param, "Unknown parameter '" + param + "'. Remove it.");
    }

    static ApiError unsupported(String param, String message) {
        return badRequest("unsupported_parameter", param, message);
    }

    /** A schema, pattern or grammar that cannot be compiled. */
    static ApiError invalidSchema(String param, String message) {
        return badRequest("invalid_schema", param, message);
    }

    static ApiError invalidJson(String message) {
        return badRequest("invalid_json", null, message);
    }

    static ApiError contextLength(String param, String message) {
        return badRequest("context_length_exceeded", param, message);
    }

    static ApiError request(int status, String code, String message) {
        return new ApiError(status, INVALID_REQUEST, code, null, message, Map.of());
    }

    static ApiError notFound(String message) {
        return request(404, "not_found", message);
    }

    static ApiError modelNotFound() {
        return new ApiError(
                404,
                INVALID_REQUEST,
                "model_not_found",
                "model",
                "The model does not exist. GET /v1/models lists the models being served.",
                Map.of());
    }

    static ApiError unauthorized() {
        return new ApiError(
                401,
                "authentication_error",
                "invalid_api_key",
                null,
                "Send a valid API key in the header 'Authorization: Bearer <key>'.",
                Map.of("WWW-Authenticate", "Bearer"));
    }

    static ApiError hostNotAllowed() {
        return new ApiError(
                403,
                "permission_error",
                "host_not_allowed",
                null,
                "The Host header does not name this server. Call it as localhost, or add the name"
                        + " to chasqui.http.allowed-hosts.",
                Map.of());
    }

    static ApiError internal(String id) {
        return new ApiError(
                500,
                SERVER,
                "internal_error",
                null,
                "The server failed to answer this request (" + id + ").",
                Map.of());
    }

    static ApiError starting() {
        return unavailable("starting", "The server is starting. Try again soon.");
    }

    static ApiError of(AdmissionException refusal, String promptParam) {
        var message = refusal.getMessage();
        return switch (refusal.reason()) {
            case TOO_LONG -> contextLength(promptParam, message);
            case QUEUE_FULL -> busy("queue_full", message, refusal.retryAfterSeconds());
            case KEY_SHARE -> busy("rate_limit_exceeded", message, refusal.retryAfterSeconds());
            case DRAINING -> unavailable("draining", message);
            case DEAD -> dead(message);
        };
    }

    static ApiError of(EngineError error) {
        var message = error.message();
        return switch (error.kind()) {
            case INTERNAL, ABORTED ->
                    new ApiError(500, SERVER, "internal_error", null, message, Map.of());
            case NUMERICAL -> new ApiError(500, SERVER, "numerical_error", null, message, NO_RETRY);
            case POISON -> new ApiError(500, SERVER, "internal_error", null, message, NO_RETRY);
            case QUEUE_TIMEOUT -> busy("queue_timeout", message, RETRY_SECONDS);
            case DEADLINE ->
                    new ApiError(504, SERVER, "deadline_exceeded", null, message, NO_RETRY);
            case DRAINING -> unavailable("draining", message);
            case ENGINE_DEAD -> dead(message);
        };
    }

    private static ApiError busy(String code, String message, int seconds) {
        return new ApiError(429, "rate_limit_error", code, null, message, retryAfter(seconds));
    }

    private static ApiError unavailable(String code, String message) {
        return new ApiError(503, SERVER, code, null, message, retryAfter(RETRY_SECONDS));
    }

    static ApiError dead(String message) {
        var seconds = Integer.toString(RETRY_SECONDS);
        var headers = Map.of("Retry-After", seconds, "x-should-retry", "false");
        return new ApiError(503, SERVER, "engine_dead", null, message, headers);
    }

    /** Clients give up on waits that are too long, and hammer when there is none. */
    private static Map<String, String> retryAfter(int seconds) {
        int wait = Math.clamp(seconds, 1, 60);
        return Map.of("Retry-After", Integer.toString(wait), "retry-after-ms", wait * 1000 + "");
    }

    byte[] body() {
        return Json.object(this::writeTo);
    }

    /** Writes {@code "error":{…}} with all four keys, as SDKs need them. */
    void writeTo(JsonGenerator json) throws IOException {
        json.writeObjectFieldStart("error");
        json.writeStringField("message", Text.wellFormed(message));
        json.writeStringField("type", type);
        json.writeStringField("param", param == null ? null : Text.wellFormed(param));
        json.writeStringField("code", code);
        json.writeEndObject();
    }
}
