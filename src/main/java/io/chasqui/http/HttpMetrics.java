package io.chasqui.http;

import io.chasqui.http.Generation.AbortReason;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.inject.Singleton;
import java.util.Locale;

/** Counters of what happens before and around the engine. */
@Singleton
final class HttpMetrics {
    private final MeterRegistry registry;

    HttpMetrics(MeterRegistry registry) {
        this.registry = registry;
        for (var reason : AbortReason.values()) {
            registry.counter("chasqui_requests_aborted", "reason", label(reason));
        }
    }

    /** A request was refused or failed; the reason is its error code, of which there are few. */
    void rejected(ApiError error) {
        registry.counter("chasqui_requests_rejected", "reason", error.code()).increment();
    }

    void aborted(AbortReason reason) {
        registry.counter("chasqui_requests_aborted", "reason", label(reason)).increment();
    }

    /** An SDK says that this is not its first attempt. */
    void retried(String attempt) {
        registry.counter("chasqui_requests_retried", "attempt", attempt).increment();
    }

    private static String label(AbortReason reason) {
        return reason.name().toLowerCase(Locale.ROOT);
    }
}
