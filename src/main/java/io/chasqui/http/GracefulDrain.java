package io.chasqui.http;

import io.chasqui.chat.ModelRegistry;
import io.chasqui.chat.ServedModel;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.engine.LlmEngine;
import io.quarkus.runtime.ShutdownDelayInitiatedEvent;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.function.Consumer;
import org.jboss.logging.Logger;

/**
 * Stopping without losing a request: at once not ready, so that balancers look elsewhere; after the
 * delay nothing new; near the end of the timeout what still runs ends with an error event, before
 * the sockets are cut. All this happens while the framework believes that it has only begun to
 * stop: its own count of open requests misses ends (see {@link ConnectionEnd}) and would keep it
 * waiting.
 */
@Singleton
final class GracefulDrain {
    private static final Logger LOG = Logger.getLogger(GracefulDrain.class);

    /** Time for the last events to reach their clients. */
    private static final Duration FLUSH = Duration.ofSeconds(3);

    private final ModelRegistry registry;
    private final OpenCalls calls;
    private final Duration delay;
    private final Duration timeout;

    @Inject
    GracefulDrain(ModelRegistry registry, OpenCalls calls, ChasquiConfig config) {
        this(registry, calls, config.shutdownDelay(), config.shutdownTimeout());
    }

    GracefulDrain(ModelRegistry registry, OpenCalls calls, Duration delay, Duration timeout) {
        this.registry = registry;
        this.calls = calls;
        this.delay = delay;
        this.timeout = timeout;
    }

    /** Returns when nobody is waiting for an answer any more, or the time is over. */
    void run(@Observes ShutdownDelayInitiatedEvent event) {
        registry.state(ModelRegistry.State.DRAINING);
        try {
            Thread.sleep(delay);
            forEachEngine(LlmEngine::drain);
            if (!calls.awaitNone(limit())) {
                LOG.infof("%d requests end with an error: no time is left", calls.count());
                forEachEngine(LlmEngine::abortAll);
                calls.awaitNone(timeout.minus(limit()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Duration limit() {
        boolean roomy = timeout.compareTo(FLUSH.multipliedBy(2)) > 0;
        return roomy ? timeout.minus(FLUSH) : timeout.dividedBy(2);
    }

    private void forEachEngine(Consumer<LlmEngine> action) {
        registry.models().stream().map(ServedModel::engine).forEach(action);
    }
}
