package io.chasqui.http;

import io.quarkus.vertx.http.runtime.filters.Filters;
import io.quarkus.vertx.http.runtime.filters.QuarkusRequestWrapper;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerResponse;
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

    private final ApiKeyFilter keyFilter;
    private final RequestLog log;
    private final HttpMetrics metrics;

    FrontDoor(ApiKeyFilter keyFilter, RequestLog log, HttpMetrics metrics) {
        this.keyFilter = keyFilter;
        this.log = log;
        this.metrics = metrics;
    }

    void install(@Observes Filters filters) {
        filters.register(this::enter, FIRST);
    }

    /** Errors that the server finds before or beside the resources. */
    void installErrors(@Observes Router router) {
        router.errorHandler(
                404, context -> fail(context, Routes.notFound(context.request().path())));
        router.errorHandler(
                400,
                context ->
                        fail(
                                context,
                                ApiError.request(400, "bad_request", "The request is malformed.")));
        router.errorHandler(405, context -> fail(context, Routes.methodNotAllowed()));
        router.errorHandler(413, context -> fail(context, JsonBody.tooLarge()));
        router.errorHandler(
                414,
                context ->
                        fail(
                                context,
                                ApiError.request(414, "uri_too_long", "The path is too long.")));
        router.errorHandler(
                431,
                context ->
                        fail(
                                context,
                                ApiError.request(
                                        431, "headers_too_large", "The headers are too large.")));
        router.errorHandler(500, context -> fail(context, ApiError.internal(Call.newId())));
    }

    private void enter(RoutingContext context) {
        var call = Call.begin(context);
        context.response().putHeader("x-request-id", call.id());
        QuarkusRequestWrapper.get(context.request())
                .addRequestDoneHandler(
                        ignored -> {
                            call.close();
                            log.write(call, context.response().getStatusCode());
                        });
        countRetry(call);
        var error = keyFilter.check(call);
        if (error == null) {
            context.next();
        } else {
            fail(context, error);
        }
    }

    private void countRetry(Call call) {
        var attempt = call.request().getHeader("x-stainless-retry-count");
        if (attempt != null && attempt.matches("[1-9]")) {
            metrics.retried(attempt);
        }
    }

    private void fail(RoutingContext context, ApiError error) {
        metrics.rejected(error);
        var response = context.response();
        if (!response.ended() && !response.headWritten()) {
            send(response, error);
        }
    }

    private static void send(HttpServerResponse response, ApiError error) {
        response.setStatusCode(error.status());
        error.headers().forEach(response::putHeader);
        response.putHeader("Content-Type", "application/json");
        response.end(Buffer.buffer(error.body()));
    }
}
