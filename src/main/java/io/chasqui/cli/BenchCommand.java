package io.chasqui.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code chasqui bench}: how fast a model runs here, or how fast a server answers. */
@Command(
        name = "bench",
        description =
                "Measures a running server with --url: a fixed number of streams, each sending its"
                        + " next completion when the last is done.",
        mixinStandardHelpOptions = true,
        sortOptions = false)
public final class BenchCommand implements Callable<Integer> {
    @Spec private CommandSpec spec;

    @Option(names = "--json", paramLabel = "FILE", description = "Write the result as JSON, too.")
    private Path json;

    @ArgGroup(validate = false, heading = "%nA running server:%n")
    private ServingOptions serving = new ServingOptions();

    @Override
    public Integer call() throws IOException, InterruptedException {
        try (var benchmark = new ServingBenchmark(serving.load(), new BenchProgress())) {
            var result = benchmark.run();
            print(BenchReport.of(result));
            return result.failures().isEmpty() ? 0 : 1;
        }
    }

    private void print(BenchReport report) throws IOException {
        var out = spec.commandLine().getOut();
        out.print(report.text());
        out.flush();
        if (json != null) {
            var mapper = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
            Files.write(json, mapper.writeValueAsBytes(report));
        }
    }

    private static final class ServingOptions {
        @Option(
                names = "--url",
                required = true,
                paramLabel = "URL",
                description = "The server, e.g. http://localhost:8000.")
        private String url;

        @Option(
                names = "--model",
                paramLabel = "NAME",
                description = "Model to ask for; the server's first by default.")
        private String model;

        @Option(names = "--api-key", paramLabel = "KEY", description = "Bearer key.")
        private String apiKey;

        @Option(
                names = "--concurrency",
                defaultValue = "8",
                description = "Streams at once; ${DEFAULT-VALUE} by default.")
        private int concurrency;

        @Option(
                names = "--requests",
                defaultValue = "16",
                description = "Requests in all; ${DEFAULT-VALUE} by default.")
        private int requests;

        @Option(
                names = "--prompt-tokens",
                defaultValue = "100",
                description = "Prompt tokens of a request; ${DEFAULT-VALUE} by default.")
        private int promptTokens;

        @Option(
                names = "--max-tokens",
                defaultValue = "64",
                description = "Output tokens of a request; ${DEFAULT-VALUE} by default.")
        private int maxTokens;

        @Option(
                names = "--temperature",
                defaultValue = "0.8",
                description = "Sampling temperature; ${DEFAULT-VALUE} by default.")
        private double temperature;

        @Option(
                names = "--seed",
                defaultValue = "0",
                description = "Makes the prompts; another seed makes others.")
        private long seed;

        @Option(
                names = "--timeout",
                paramLabel = "SECONDS",
                defaultValue = "300",
                description = "Longest wait for a request's first byte; ${DEFAULT-VALUE}.")
        private int timeout;

        @Option(names = "--no-warm-up", description = "Count from the first request on.")
        private boolean cold;

        @Option(
                names = "--llama-cpp",
                description = "The server is llama-server: also send cache_prompt=false.")
        private boolean llamaCpp;

        private ServingBenchmark.Load load() {
            return new ServingBenchmark.Load(
                    url.replaceFirst("/(v1/?)?$", ""),
                    model,
                    apiKey,
                    concurrency,
                    requests,
                    promptTokens,
                    maxTokens,
                    temperature,
                    seed,
                    llamaCpp,
                    !cold,
                    Duration.ofSeconds(timeout));
        }
    }
}
