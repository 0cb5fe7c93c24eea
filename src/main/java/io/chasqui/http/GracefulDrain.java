package io.chasqui.http;

import io.chasqui.chat.ModelRegistry;
import io.chasqui.chat.ServedModel;
import io.chasqui.engine.LlmEngine;
import io.quarkus.runtime.ShutdownDelayInitiatedEvent;
import io.vertx.core.Vertx;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.function.Consumer;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * Stopping without losing a request: at once not ready, so that balancers look elsewhere; after the
 * delay nothing new; near the end of the timeout what still runs ends with an error event, before
 * the sockets are cut.
 */
@Singleton
final class GracefulDrain {
    /** Time for the last events to reach their clients. */
    private static final Duration FLUSH = Duration.ofSeconds(3);

    private final ModelRegistry registry;
    private final Vertx vertx;
    private final Duration delay;
    private final Duration limit;

    GracefulDrain(
            ModelRegistry registry,
            Vertx vertx,
            @ConfigProperty(name = "quarkus.shutdown.delay", defaultValue = "0s") Duration delay,
            @ConfigProperty(name = "quarkus.shutdown.timeout", defaultValue = "20s")
                    Duration timeout) {
        this.registry = registry;
        this.vertx = vertx;
        this.delay = delay;
        this.limit =
                timeout.compareTo(FLUSH.multipliedBy(2)) > 0
                        ? timeout.minus(FLUSH)
                        : timeout.dividedBy(2);
    }

    void begin(@Observes ShutdownDelayInitiatedEvent event) {
        registry.state(ModelRegistry.State.DRAINING);
        after(delay, LlmEngine::drain);
        after(delay.plus(limit), LlmEngine::abortAll);
    }

    private void after(Duration time, Consumer<LlmEngine> action) {
        if (time.isZero()) {
            forEachEngine(action);
        } else {
            vertx.setTimer(time.toMillis(), ignored -> forEachEngine(action));
        }
    }

    private void forEachEngine(Consumer<LlmEngine> action) {
        registry.models().stream().map(ServedModel::engine).forEach(action);
    }
}
