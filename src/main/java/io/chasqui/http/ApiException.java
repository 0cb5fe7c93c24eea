package io.chasqui.http;

import io.chasqui.engine.AdmissionException;
import io.chasqui.engine.EngineError;

/** Ends a request with an {@link ApiError}. */
final class ApiException extends RuntimeException {
    private final transient ApiError error;

    ApiException(ApiError error) {
        super(error.code(), null, false, false);
        this.error = error;
    }

    ApiError error() {
        return error;
    }

    static ApiException invalid(String param, String message) {
        return new ApiException(ApiError.invalid(param, message));
    }

    static ApiException unsupported(String param, String message) {
        return new ApiException(ApiError.unsupported(param, message));
    }

    static ApiException of(AdmissionException refusal, String promptParam) {
        return new ApiException(ApiError.of(refusal, promptParam));
    }

    static ApiException of(EngineError error) {
        return new ApiException(ApiError.of(error));
    }
}
