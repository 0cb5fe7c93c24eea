package io.chasqui.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.chasqui.backend.cpu.MemoryBandwidth;
import io.chasqui.backend.cuda.CopyRate;
import io.chasqui.catalog.LocalModel;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.executor.LocalExecutor;
import io.chasqui.model.Checkpoint;
import io.chasqui.model.LlamaTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code chasqui bench}: how fast a model runs here, or how fast a server answers. */
@Command(
        name = "bench",
        description = {
            "Measure a model on this machine: prefill and decode, without server and sampling,"
                    + " beside the memory bandwidth of the same minute.",
            "Or, with --url, a running server: streams that each send their next completion when"
                    + " the last is done."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false,
        subcommands = BenchDeviceCommand.class)
final class BenchCommand implements Callable<Integer> {
    private static final long COPIED_BYTES = 256 << 20;

    @Spec private CommandSpec spec;
    @Mixin private ModelArgument model;

    @Option(
            names = {"-p", "--prompt-tokens"},
            paramLabel = "N",
            description = "Prompt tokens (default: 512; with --url 100); 0 measures no prefill.")
    private Integer promptTokens;

    @Option(
            names = {"-n", "--max-tokens"},
            paramLabel = "N",
            description = "Output tokens (default: 128; with --url 64); 0 measures no decode.")
    private Integer maxTokens;

    @Option(names = "--json", paramLabel = "FILE", description = "Write the result as JSON, too.")
    private Path json;

    @ArgGroup(validate = false, heading = "%nA model on this machine:%n")
    private OfflineOptions offline = new OfflineOptions();

    @ArgGroup(validate = false, heading = "%nA running server:%n")
    private ServingOptions serving = new ServingOptions();

    @Mixin private Settings settings;

    private final BenchProgress progress = new BenchProgress();

    @Override
    public Integer call() throws IOException, InterruptedException {
        return serving.url == null ? measureModel() : measureServer();
    }

    private int measureModel() throws IOException {
        var config = settings.apply();
        var local = model.pull(config);
        int threads = config.threads().orElse(Runtime.getRuntime().availableProcessors());
        progress.update("measuring memory bandwidth");
        boolean onGpu = Backends.ofMachine().choosesCuda(config);
        double before = onGpu ? copyRate(config) : MemoryBandwidth.measure(threads);
        try (var loaded =
                LoadedModel.load(
                        local,
                        config,
                        Math.max(offline.largestBatch(), config.maxNumSeqs()),
                        (done, total) ->
                                progress.update(
                                        "loading: %s of %s",
                                        ProgressBar.size(done), ProgressBar.size(total)))) {
            var costs = ModelCosts.of(loaded.model());
            var measurements = measure(loaded, config, costs);
            progress.update("measuring memory bandwidth");
            double after = onGpu ? before : MemoryBandwidth.measure(threads);
            progress.clear();
            var measured =
                    new BenchReport.MeasuredModel(
                            local.name(),
                            format(local, config),
                            loaded.backendName(),
                            threads,
                            costs.kvBytesPerToken(),
                            costs.weightBytes(),
                            Math.max(before, after) / 1e9);
            print(BenchReport.of(measured, measurements));
        }
        return 0;
    }

    /** Of the first GPU, in bytes per second; while the model is loaded there is no room for it. */
    private static double copyRate(ChasquiConfig config) {
        int device = config.devices().map(List::getFirst).orElse(0);
        return CopyRate.measure(device, COPIED_BYTES).bytesPerSecond();
    }

    private List<OfflineBenchmark.Measurement> measure(
            LoadedModel loaded, ChasquiConfig config, ModelCosts costs) {
        int prompt = orElse(promptTokens, 512);
        int generate = orElse(maxTokens, 128);
        int needed = offline.numBlocks(Math.max(prompt, generate), config.blockSize());
        int there = loaded.model().kvCache().numBlocks();
        if (needed > there) {
            throw new UserException(
                    "%d blocks of KV cache are needed and %d are there: raise --kv-cache-memory."
                            .formatted(needed, there));
        }
        var benchmark =
                new OfflineBenchmark(
                        new LocalExecutor(loaded.model()),
                        costs,
                        loaded.config().vocab(),
                        config.blockSize(),
                        config.maxNumBatchedTokens(),
                        offline.repeat,
                        progress);
        var measurements = new ArrayList<OfflineBenchmark.Measurement>();
        for (int depth : offline.depths) {
            for (int batch : offline.batches) {
                if (prompt > 0) {
                    measurements.add(benchmark.prefill(batch, prompt, depth));
                }
                if (generate > 0) {
                    measurements.add(benchmark.decode(batch, generate, depth));
                }
            }
        }
        return measurements;
    }

    /** Types of the matrices of one layer, as stored. */
    private static String format(LocalModel local, ChasquiConfig config) {
        if (local.path() == null) {
            return config.dtype().orElse("random").toUpperCase(Locale.ROOT);
        }
        try (var checkpoint = Checkpoint.open(local.path())) {
            return Arrays.stream(LlamaTensor.values())
                    .filter(tensor -> tensor.perLayer() && !tensor.isVector())
                    .map(tensor -> checkpoint.linear(tensor, 0).dtype().name())
                    .distinct()
                    .sorted()
                    .collect(Collectors.joining("+"));
        }
    }

    private int measureServer() throws IOException, InterruptedException {
        var load = serving.load(orElse(promptTokens, 100), orElse(maxTokens, 64));
        try (var benchmark = new ServingBenchmark(load, progress)) {
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

    private static int orElse(Integer value, int other) {
        return value == null ? other : value;
    }

    private static final class OfflineOptions {
        @Option(
                names = {"-b", "--batch"},
                paramLabel = "N",
                split = ",",
                defaultValue = "1",
                description = "Sequences together, one or more numbers (default: 1).")
        private List<Integer> batches;

        @Option(
                names = {"-d", "--depth"},
                paramLabel = "N",
                split = ",",
                defaultValue = "0",
                description = "Tokens in the cache before, one or more numbers (default: 0).")
        private List<Integer> depths;

        @Option(
                names = {"-r", "--repeat"},
                paramLabel = "N",
                defaultValue = "5",
                description = "Measured passes after warm-up (default: 5).")
        private int repeat;

        private int largestBatch() {
            return batches.stream().mapToInt(b -> b).max().orElse(1);
        }

        /** KV blocks of the largest case, each sequence as long as depth and {@code length}. */
        private int numBlocks(int length, int blockSize) {
            int deepest = depths.stream().mapToInt(d -> d).max().orElse(0);
            return largestBatch() * UniformBatches.blocks(deepest + length, blockSize);
        }
    }

    private static final class ServingOptions {
        @Option(
                names = "--url",
                paramLabel = "URL",
                description = "The server, e.g. http://localhost:8000.")
        private String url;

        @Option(
                names = "--model",
                paramLabel = "NAME",
                description = "Model to ask for; the server's first by default.")
        private String model;

        @Option(names = "--api-key", paramLabel = "KEY", description = "A key of the server.")
        private String apiKey;

        @Option(
                names = "--concurrency",
                paramLabel = "N",
                defaultValue = "8",
                description = "Streams at once (default: 8).")
        private int concurrency;

        @Option(
                names = "--requests",
                paramLabel = "N",
                defaultValue = "16",
                description = "Requests in all (default: 16).")
        private int requests;

        @Option(
                names = "--temperature",
                paramLabel = "T",
                defaultValue = "0.8",
                description = "Sampling temperature (default: 0.8).")
        private double temperature;

        @Option(
                names = "--seed",
                paramLabel = "N",
                defaultValue = "0",
                description = "Makes the prompts; another seed makes others (default: 0).")
        private long seed;

        @Option(
                names = "--timeout",
                paramLabel = "SECONDS",
                defaultValue = "300",
                description = "Longest wait for the head of an answer (default: 300).")
        private int timeout;

        @Option(
                names = "--cold",
                description = "Count from the first request on, without a warm-up.")
        private boolean cold;

        @Option(
                names = "--llama-cpp",
                description = "The server is llama-server: send cache_prompt=false, too.")
        private boolean llamaCpp;

        @Option(
                names = "--extra-body",
                paramLabel = "JSON",
                defaultValue = "{}",
                description = "Members to add to each request, e.g. structured_outputs.")
        private String extraBody;

        private ObjectNode extraBody() {
            try {
                if (new ObjectMapper().readTree(extraBody) instanceof ObjectNode members) {
                    return members;
                }
            } catch (IOException e) {
                throw new UserException("--extra-body is not JSON: " + e.getMessage());
            }
            throw new UserException("--extra-body must be a JSON object.");
        }

        private ServingBenchmark.Load load(int promptTokens, int maxTokens) {
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
                    extraBody(),
                    !cold,
                    Duration.ofSeconds(timeout));
        }
    }
}
