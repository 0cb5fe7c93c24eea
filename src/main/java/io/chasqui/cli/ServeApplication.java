package io.chasqui.cli;

import io.chasqui.chat.ModelRegistry;
import io.chasqui.chat.ServedModel;
import io.chasqui.config.ApiKeys;
import io.chasqui.engine.EngineListener;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import io.quarkus.runtime.ShutdownEvent;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Instance;
import jakarta.inject.Inject;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** The server, once Quarkus runs: waits for the model, opens for requests, says how to reach it. */
public final class ServeApplication implements QuarkusApplication {
    private static final System.Logger LOG = System.getLogger(ServeApplication.class.getName());

    private static volatile CompletableFuture<ModelRuntime> loading;
    private static volatile StartupTimes times;
    private static volatile ModelRuntime running;

    private final ModelRegistry registry;
    private final Instance<EngineListener> listener;
    private final ApiKeys keys;
    private final String host;

    @Inject
    ServeApplication(
            ModelRegistry registry,
            Instance<EngineListener> listener,
            ApiKeys keys,
            @ConfigProperty(name = "quarkus.http.host") String host) {
        this.registry = registry;
        this.listener = listener;
        this.keys = keys;
        this.host = host;
    }

    /** Hands over what was begun before Quarkus; it makes the instance of this class itself. */
    static void prepare(CompletableFuture<ModelRuntime> model, StartupTimes startup) {
        loading = model;
        times = startup;
    }

    @Override
    public int run(String... args) {
        times.parts().put("HTTP", Duration.between(times.processStart(), Instant.now()));
        try {
            var runtime = loading.join();
            running = runtime;
            var model =
                    runtime.start(listener.isResolvable() ? listener.get() : EngineListener.NONE);
            registry.add(model);
            registry.state(ModelRegistry.State.READY);
            model.grammars().prepare();
            Watchdog.watch(model.engine(), registry);
            times.parts().putAll(runtime.times());
            LOG.log(System.Logger.Level.INFO, "Computes on {0}", runtime.backend());
            announce(model);
            Quarkus.waitForExit();
            return 0;
        } catch (CompletionException e) {
            return Main.report(e.getCause(), new PrintWriter(System.err, true));
        }
    }

    /** Only now: until the sockets are closed, requests may still be running. */
    static void close(@Observes ShutdownEvent event) {
        if (running != null) {
            running.close();
        }
    }

    private void announce(ServedModel model) {
        System.out.println(Greeting.text(url(), model.id(), keys.required(), times.toString()));
    }

    private String url() {
        int port =
                org.eclipse.microprofile.config.ConfigProvider.getConfig()
                        .getValue("quarkus.http.port", Integer.class);
        return Greeting.url(host, port);
    }
}
