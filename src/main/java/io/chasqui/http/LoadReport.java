package io.chasqui.http;

import io.chasqui.engine.EngineStats;
import java.util.Locale;
import java.util.Optional;

/** The engine's load as a response header, in the form of ORCA, for balancers that ask for it. */
final class LoadReport {
    static final String REQUEST_HEADER = "endpoint-load-metrics-format";
    static final String HEADER = "endpoint-load-metrics";

    private LoadReport() {}

    /**
     * @param format {@code TEXT} or {@code JSON}, in any case; others get no report
     */
    static Optional<String> of(EngineStats stats, String format) {
        double used = stats.numBlocks() == 0 ? 0 : (double) stats.usedBlocks() / stats.numBlocks();
        double waiting = stats.waiting();
        return switch (format.toUpperCase(Locale.ROOT)) {
            case "TEXT" ->
                    Optional.of(
                            "TEXT named_metrics.kv_cache_usage_perc="
                                    + used
                                    + ", named_metrics.num_requests_waiting="
                                    + waiting);
            case "JSON" ->
                    Optional.of(
                            "JSON {\"named_metrics\": {\"kv_cache_usage_perc\": "
                                    + used
                                    + ", \"num_requests_waiting\": "
                                    + waiting
                                    + "}}");
            default -> Optional.empty();
        };
    }
}
