package io.chasqui.cli;

import io.chasqui.catalog.LocalModel;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.config.ConfiguredApiKeys;
import io.chasqui.model.ProgressListener;
import io.quarkus.runtime.Quarkus;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code chasqui serve}: an OpenAI-compatible server for one model. */
@Command(
        name = "serve",
        description = "Serve a model over HTTP.",
        mixinStandardHelpOptions = true,
        sortOptions = false)
final class ServeCommand implements Callable<Integer> {
    @Mixin private ModelArgument model;

    @Option(
            names = "--host",
            paramLabel = "ADDRESS",
            description =
                    "Address to listen on; any but a loopback one needs API keys (default:"
                            + " ${DEFAULT-VALUE}).")
    private String host;

    @Option(
            names = "--port",
            paramLabel = "PORT",
            description = "Port to listen on; 0 takes a free one (default: ${DEFAULT-VALUE}).")
    private int port;

    @Option(
            names = "--served-model-name",
            paramLabel = "NAME",
            split = ",",
            arity = "1..*",
            description = "Names of the model in the API, the first as its id.")
    private List<String> servedModelName;

    @Option(
            names = "--api-key",
            paramLabel = "KEY",
            split = ",",
            description = "A key that clients may use; can be repeated.")
    private List<String> apiKey;

    @Option(
            names = "--api-key-file",
            paramLabel = "FILE",
            description = "File of hashed keys; see `chasqui key new`.")
    private Path apiKeyFile;

    @Option(
            names = "--allow-anonymous",
            description = "Listen on an address that others reach although there are no API keys.")
    private boolean allowAnonymous;

    @Mixin private Settings settings;

    @Option(
            names = "--max-queued-requests",
            paramLabel = "N",
            description = "Requests that may wait (default: ${DEFAULT-VALUE}).")
    private int maxQueuedRequests;

    @Option(
            names = "--max-queued-tokens",
            paramLabel = "TOKENS",
            description = "Prompt tokens that may wait (default: ${DEFAULT-VALUE}).")
    private int maxQueuedTokens;

    @Option(
            names = "--queue-timeout",
            paramLabel = "TIME",
            description = "Longest wait for a request's first step (default: ${DEFAULT-VALUE}).")
    private String queueTimeout;

    @Option(
            names = "--shutdown-delay",
            paramLabel = "TIME",
            description =
                    "After SIGTERM, time in which requests are still taken (default:"
                            + " ${DEFAULT-VALUE}).")
    private String shutdownDelay;

    @Option(
            names = "--shutdown-timeout",
            paramLabel = "TIME",
            description =
                    "After the delay, time for running requests to finish (default:"
                            + " ${DEFAULT-VALUE}).")
    private String shutdownTimeout;

    @Override
    public Integer call() throws IOException {
        var start = StartupTimes.begin();
        var config = settings.apply();
        BindPolicy.check(
                config.host(), ConfiguredApiKeys.of(config).required(), config.allowAnonymous());
        // What was checked is what Quarkus binds, whatever other files it reads.
        System.setProperty("chasqui.host", config.host());
        var local = model.pull(config);
        var names = names(local, config);
        // The weights are read while Quarkus starts.
        ServeApplication.prepare(
                CompletableFuture.supplyAsync(
                        () -> ModelRuntime.load(local, names, config, ProgressListener.NONE)),
                start);
        Quarkus.run(ServeApplication.class);
        return 0;
    }

    /** The id and the aliases under which the model is served. */
    static List<String> names(LocalModel local, ChasquiConfig config) {
        return config.servedModelName().orElseGet(local::names);
    }
}
