package io.chasqui.http;

import io.chasqui.config.ApiKeys.Caller;
import io.vertx.core.Context;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.RoutingContext;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/**
 * One HTTP request from its first header to its end: its id, its caller and what its log line will
 * say. Safe for many threads.
 */
final class Call {
    private static final String KEY = Call.class.getName();
    private static final Pattern REQUEST_ID = Pattern.compile("[A-Za-z0-9._-]{1,128}");
    private static final Pattern TRACE_PARENT =
            Pattern.compile("[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*");
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int MAX_TIMEOUT_MILLIS = 24 * 60 * 60 * 1000;

    private final RoutingContext context;
    private final Context eventLoop;
    private final String id;
    private final long startNanos = System.nanoTime();
    private final List<Runnable> closeActions = new ArrayList<>();
    private boolean closed;
    private volatile Caller caller = Caller.ANONYMOUS;
    private volatile Supplier<GenerationSummary> summary = () -> null;

    private Call(RoutingContext context) {
        this.context = context;
        eventLoop = context.vertx().getOrCreateContext();
        var given = context.request().getHeader("x-request-id");
        id = given != null && REQUEST_ID.matcher(given).matches() ? given : newId();
    }

    /** Begins a call; later {@link #of} finds it. */
    static Call begin(RoutingContext context) {
        var call = new Call(context);
        context.put(KEY, call);
        return call;
    }

    static Call of(RoutingContext context) {
        return context.get(KEY);
    }

    /** 32 random hexadecimal digits. */
    static String newId() {
        var bytes = new byte[16];
        RANDOM.nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    String id() {
        return id;
    }

    HttpServerRequest request() {
        return context.request();
    }

    /** Where this call's connection is served. */
    Context eventLoop() {
        return eventLoop;
    }

    /** Cuts the connection; for HTTP/2 the stream. */
    void cut() {
        if (context.request().version() == HttpVersion.HTTP_2) {
            context.response().reset();
        } else {
            context.request().connection().close();
        }
    }

    Caller caller() {
        return caller;
    }

    void caller(Caller known) {
        caller = known;
    }

    long elapsedNanos() {
        return System.nanoTime() - startNanos;
    }

    /** What a generation came to, or null when this call made none. */
    GenerationSummary summary() {
        return summary.get();
    }

    void summary(Supplier<GenerationSummary> generated) {
        summary = generated;
    }

    /**
     * Runs an action when the answer is complete or the client has left; at once if it has. What
     * was registered last runs first.
     */
    void onClose(Runnable action) {
        synchronized (this) {
            if (!closed) {
                closeActions.add(action);
                return;
            }
        }
        action.run();
    }

    /** The answer is complete or the client has left. */
    void close() {
        List<Runnable> actions;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            actions = List.copyOf(closeActions).reversed();
        }
        actions.forEach(Runnable::run);
    }

    /** Id of the trace this call belongs to, or null. */
    String traceId() {
        var header = request().getHeader("traceparent");
        var matcher = header == null ? null : TRACE_PARENT.matcher(header);
        return matcher != null && matcher.matches() ? matcher.group(1) : null;
    }

    /** The total time the caller allows, or null. */
    Duration timeout() {
        var header = request().getHeader("X-Request-Timeout-Ms");
        if (header == null) {
            return null;
        }
        int millis = positive(header);
        if (millis < 0 || millis > MAX_TIMEOUT_MILLIS) {
            throw ApiException.invalid(
                    "X-Request-Timeout-Ms",
                    "The header X-Request-Timeout-Ms must be an integer from 1 to "
                            + MAX_TIMEOUT_MILLIS
                            + ".");
        }
        return Duration.ofMillis(millis);
    }

    /**
     * How long the client's SDK will wait, or null; a longer wait in the queue would be in vain.
     */
    Duration patience() {
        int read = seconds("x-stainless-read-timeout");
        int total = seconds("x-stainless-timeout");
        int least = read < 0 ? total : total < 0 ? read : Math.min(read, total);
        return least < 0 ? null : Duration.ofSeconds(least);
    }

    private int seconds(String name) {
        var header = request().getHeader(name);
        // SDKs may send a fraction; anything else is not for us to judge.
        return header == null ? -1 : positive(header.replaceFirst("\\.[0-9]*$", ""));
    }

    private static int positive(String text) {
        return text.matches("[0-9]{1,9}") && !text.matches("0+") ? Integer.parseInt(text) : -1;
    }
}
