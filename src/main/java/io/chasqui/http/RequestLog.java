package io.chasqui.http;

import jakarta.inject.Singleton;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/**
 * One line per request: ids, counts and times. Every value is a number, a name of ours or has
 * passed a narrow pattern, so that no caller can write into the log.
 */
@Singleton
final class RequestLog {
    private static final Logger LOG = Logger.getLogger("io.chasqui.request");
    private static final Set<String> QUIET = Set.of("/livez", "/readyz", "/health", "/metrics");
    private static final Set<String> METHODS =
            Set.of("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS");
    private static final Set<String> PATHS =
            Set.of(
                    "/v1/chat/completions",
                    "/v1/completions",
                    "/v1/models",
                    "/v1/responses",
                    "/v1/embeddings",
                    "/v1/moderations",
                    "/tokenize",
                    "/detokenize");

    /** Probes, scrapes and the page's files are not worth a line. */
    void write(Call call, int status) {
        var path = call.request().path();
        if (!LOG.isInfoEnabled() || isQuiet(path)) {
            return;
        }
        var line = new StringBuilder(256);
        add(line, "id", call.id());
        add(line, "method", known(METHODS, call.request().method().name()));
        add(line, "path", known(PATHS, path));
        add(line, "status", status);
        add(line, "key", call.caller().name().replaceAll("[^A-Za-z0-9._@-]", "_"));
        add(line, "trace", call.traceId());
        add(line, "ms", TimeUnit.NANOSECONDS.toMillis(call.elapsedNanos()));
        var summary = call.summary();
        if (summary != null) {
            addGeneration(line, summary);
        }
        LOG.info(line);
    }

    private static boolean isQuiet(String path) {
        return path != null && (QUIET.contains(path) || Page.PATHS.contains(path));
    }

    private static void addGeneration(StringBuilder line, GenerationSummary summary) {
        add(line, "model", summary.model().replaceAll("[^A-Za-z0-9._@:/+-]", "_"));
        add(line, "prompts", summary.prompts());
        add(line, "prompt_tokens", summary.usage().promptTokens());
        add(line, "cached_tokens", summary.usage().cachedTokens());
        add(line, "completion_tokens", summary.usage().completionTokens());
        add(line, "outcome", summary.outcome());
        if (summary.firstOutputNanos() >= 0) {
            add(line, "ttft_ms", TimeUnit.NANOSECONDS.toMillis(summary.firstOutputNanos()));
        }
    }

    private static String known(Set<String> names, String name) {
        return name != null && names.contains(name) ? name : "other";
    }

    private static void add(StringBuilder line, String name, Object value) {
        if (value == null || value.equals("")) {
            return;
        }
        if (!line.isEmpty()) {
            line.append(' ');
        }
        line.append(name).append('=').append(value);
    }
}
