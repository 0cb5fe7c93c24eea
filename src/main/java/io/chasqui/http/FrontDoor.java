package io.chasqui.http;

import io.quarkus.vertx.http.runtime.filters.Filters;
import io.quarkus.vertx.http.runtime.filters.QuarkusRequestWrapper;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;

/**
 * The first and the last to see a request: gives it an id, asks the {@link ApiKeyFilter}, and
 * writes its log line when it is over.
 */
@Singleton
final class FrontDoor {
    /** Before everything else that looks at requests. */
    private static final int FIRST = Integer.MAX_VALUE - 1;

    private static final int MAX_URI = 4096;
    private static final int MAX_HEADERS = 20 * 1024;

    /** Colon, space and line end. */
    private static final int HEADER_OVERHEAD = 4;

    private final ApiKeyFilter keyFilter;
    private final OpenCalls calls;
    private final RequestLog log;
    private final HttpMetrics metrics;

    FrontDoor(ApiKeyFilter keyFilter, OpenCalls calls, RequestLog log, HttpMetrics metrics) {
        this.calls = calls;
        this.keyFilter = keyFilter;
        this.log = log;
        this.metrics = metrics;
    }

    void install(@Observes Filters filters) {
        filters.register(this::enter, FIRST);
    }

    /** Errors that the server finds before or beside the resources. */
    void installErrors(@Observes Router router) {
        router.errorHandler(404, context -> fail(context, Routes.notFound(path(context))));
        router.errorHandler(405, context -> fail(context, Routes.methodNotAllowed(path(context))));
        router.errorHandler(400, context -> fail(context, Routes.malformed()));
        router.errorHandler(413, context -> fail(context, JsonBody.tooLarge()));
        router.errorHandler(500, context -> fail(context, ApiError.internal(Call.newId())));
    }

    private void enter(RoutingContext context) {
        var call = Call.begin(context);
        context.response().putHeader("x-request-id", call.id());
        calls.opened();
        call.onClose(calls::closed);
        ConnectionEnd.watch(call);
        QuarkusRequestWrapper.get(context.request()).addRequestDoneHandler(ignored -> call.close());
        call.onClose(() -> log.write(call, context.response().getStatusCode()));
        countRetry(call);
        var error = oversized(context.request());
        error = error == null ? keyFilter.check(call) : error;
        error = error == null ? frameworksMethod(context) : error;
        if (error == null) {
            context.next();
        } else {
            fail(context, error);
        }
    }

    private static String path(RoutingContext context) {
        var path = context.request().path();
        return path == null ? "" : path;
    }

    private static ApiError oversized(HttpServerRequest request) {
        if (request.uri().length() > MAX_URI) {
            return Routes.pathTooLong();
        }
        int size = 0;
        for (var header : request.headers()) {
            size += header.getKey().length() + header.getValue().length() + HEADER_OVERHEAD;
        }
        return size > MAX_HEADERS ? Routes.headersTooLarge() : null;
    }

    /** The framework would answer OPTIONS by itself, with methods that the route does not take. */
    private static ApiError frameworksMethod(RoutingContext context) {
        return context.request().method() == HttpMethod.OPTIONS
                ? Routes.methodNotAllowed(path(context))
                : null;
    }

    private void countRetry(Call call) {
        var attempt = call.request().getHeader("x-stainless-retry-count");
        if (attempt != null && attempt.matches("[1-9]")) {
            metrics.retried(attempt);
        }
    }

    private void fail(RoutingContext context, ApiError error) {
        metrics.rejected(error);
        ErrorResponse.send(context.response(), error);
    }
}
