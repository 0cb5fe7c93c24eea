package io.chasqui.http;

import io.chasqui.chat.ModelRegistry;
import io.chasqui.chat.ModelRegistry.State;
import io.micrometer.prometheus.PrometheusMeterRegistry;
import io.vertx.core.Handler;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Duration;

/**
 * Probes and metrics. All answer on the event loop from state that is already there, so that they
 * work when every worker is busy; probes have no body.
 */
@Singleton
final class OperationRoutes {
    /** The one text format that every scraper reads. */
    private static final String TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8";

    private static final Duration PROGRESS_LIMIT = Duration.ofSeconds(30);

    /** After all filters. */
    private static final int BEFORE_FRAMEWORK = -1000;

    private final ModelRegistry registry;
    private final PrometheusMeterRegistry metrics;

    OperationRoutes(ModelRegistry registry, PrometheusMeterRegistry metrics) {
        this.registry = registry;
        this.metrics = metrics;
    }

    void install(@Observes Router router) {
        get(router, "/livez", context -> probe(context, isLive()));
        get(router, "/readyz", context -> probe(context, isReady()));
        get(router, "/health", context -> probe(context, isReady()));
        get(router, "/metrics", this::scrape);
        // The framework has another page of metrics, for any method, and no switch for it.
        router.route("/q/*").order(BEFORE_FRAMEWORK).handler(OperationRoutes::notFound);
    }

    /** A route that only answers reads. */
    static void get(Router router, String path, Handler<RoutingContext> action) {
        router.route(path).method(HttpMethod.GET).method(HttpMethod.HEAD).handler(action);
        var wrongMethod = Routes.methodNotAllowed(path);
        router.route(path).handler(context -> ErrorResponse.send(context.response(), wrongMethod));
    }

    private static void notFound(RoutingContext context) {
        ErrorResponse.send(context.response(), Routes.notFound(context.request().path()));
    }

    private boolean isLive() {
        return registry.state() != State.DEAD && enginesProgress();
    }

    private boolean isReady() {
        return registry.state() == State.READY && enginesProgress();
    }

    private boolean enginesProgress() {
        return registry.models().stream().allMatch(m -> m.engine().isAlive(PROGRESS_LIMIT));
    }

    private static void probe(RoutingContext context, boolean good) {
        context.response().setStatusCode(good ? 200 : 503).end();
    }

    private void scrape(RoutingContext context) {
        context.response().putHeader("Content-Type", TEXT_FORMAT).end(metrics.scrape(TEXT_FORMAT));
    }
}
