package io.chasqui.cli;

import io.chasqui.config.ChasquiConfig;
import io.chasqui.config.HttpConfig;
import io.smallrye.config.ConfigValidationException;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * The options that set a {@link ChasquiConfig}. An option's name is the setting's name, so {@code
 * --port 9000} becomes the system property {@code chasqui.port=9000}, which wins over environment
 * and file.
 */
final class Settings {
    private static final String PREFIX = "chasqui.";

    @Spec(Spec.Target.MIXEE)
    private CommandSpec command;

    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "Properties file with settings, e.g. chasqui.max-model-len=4096.")
    private Path configFile;

    @Option(
            names = "--max-model-len",
            paramLabel = "TOKENS",
            description =
                    "Most tokens of one request, prompt and answer; by default what the model and the"
                            + " KV cache allow.")
    private Integer maxModelLen;

    @Option(
            names = "--max-num-seqs",
            paramLabel = "N",
            description = "Most sequences generated at once (default: ${DEFAULT-VALUE}).")
    private int maxNumSeqs;

    @Option(
            names = "--max-num-batched-tokens",
            paramLabel = "TOKENS",
            description = "Most tokens computed in one step (default: ${DEFAULT-VALUE}).")
    private int maxNumBatchedTokens;

    @Option(
            names = "--kv-cache-memory",
            paramLabel = "SIZE",
            description =
                    "Memory for the KV cache, e.g. 2G; by default a share of what the machine has"
                            + " free, or what a GPU has left.")
    private String kvCacheMemory;

    @Option(
            names = "--kv-cache-dtype",
            paramLabel = "TYPE",
            description =
                    "Type of its elements: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private ChasquiConfig.KvCacheType kvCacheDtype;

    @Option(
            names = "--block-size",
            paramLabel = "TOKENS",
            description = "Tokens in a block of the KV cache (default: ${DEFAULT-VALUE}).")
    private int blockSize;

    @Option(
            names = "--enable-prefix-caching",
            negatable = true,
            fallbackValue = "true",
            description = "Share KV blocks between equal beginnings (default: ${DEFAULT-VALUE}).")
    private boolean enablePrefixCaching;

    @Option(
            names = "--enable-jump-ahead",
            negatable = true,
            fallbackValue = "true",
            description =
                    "Compute tokens that a grammar forces together, unsampled (default:"
                            + " ${DEFAULT-VALUE}).")
    private boolean enableJumpAhead;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "Compute threads; by default one per physical core.")
    private Integer threads;

    @Option(
            names = "--backend",
            paramLabel = "NAME",
            description = "What computes: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    private ChasquiConfig.BackendType backend;

    @Option(
            names = "--tensor-parallel-size",
            paramLabel = "N",
            description = "GPUs that the model is divided over (default: ${DEFAULT-VALUE}).")
    private int tensorParallelSize;

    @Option(
            names = "--devices",
            paramLabel = "GPU",
            split = ",",
            description = "Ordinals of these GPUs, e.g. 0,1; by default the first ones.")
    private List<Integer> devices;

    @Option(
            names = "--gpu-memory-utilization",
            paramLabel = "SHARE",
            description =
                    "Share of each GPU's memory for weights, activations and KV cache (default:"
                            + " ${DEFAULT-VALUE}).")
    private double gpuMemoryUtilization;

    @Option(
            names = "--enforce-eager",
            description = "Give GPUs each launch by itself: record no CUDA graphs.")
    private boolean enforceEager;

    @Option(
            names = "--vector-bits",
            paramLabel = "BITS",
            description =
                    "Widest vector that the CPU kernels use, 256 or 512; by default the CPU's own.")
    private Integer vectorBits;

    @Option(
            names = "--chat-format",
            paramLabel = "NAME",
            description = "Chat format, e.g. llama3.1 or chatml; by default the model's own.")
    private String chatFormat;

    @Option(
            names = "--load-format",
            paramLabel = "FORMAT",
            description =
                    "auto: the model's weights; dummy: random ones (default: ${DEFAULT-VALUE}).")
    private ChasquiConfig.LoadFormat loadFormat;

    @Option(
            names = "--geometry",
            paramLabel = "NAME",
            description = "With --load-format dummy, the architecture, e.g. llama-3.2-1b.")
    private String geometry;

    @Option(
            names = "--layers",
            paramLabel = "N",
            description = "With --load-format dummy, only its first layers.")
    private Integer layers;

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            description = "With --load-format dummy, the type of the weights, e.g. q8_0.")
    private String dtype;

    @Option(
            names = "--generation-config",
            paramLabel = "WHOSE",
            description =
                    "Sampling of requests that say nothing: the model publisher's or the OpenAI"
                            + " API's (default: ${DEFAULT-VALUE}).")
    private ChasquiConfig.GenerationConfig generationConfig;

    /** Makes system properties of options and file, and reads the configuration. */
    ChasquiConfig apply() {
        given().forEach(System::setProperty);
        if (configFile != null) {
            setFromFile();
        }
        return read();
    }

    /** Options and the environment win over the file. */
    private void setFromFile() {
        var properties = new Properties();
        try (var reader = Files.newBufferedReader(configFile)) {
            properties.load(reader);
        } catch (IOException | IllegalArgumentException e) {
            throw new UserException("--config: cannot read " + configFile + ": " + e.getMessage());
        }
        var before = new SmallRyeConfigBuilder().addDefaultSources().build();
        for (var name : properties.stringPropertyNames()) {
            if (before.getConfigValue(name).getValue() == null) {
                System.setProperty(name, properties.getProperty(name));
            }
        }
    }

    /** The properties that the command line sets. */
    Map<String, String> given() {
        var properties = new HashMap<String, String>();
        for (var option : command.commandLine().getParseResult().matchedOptions()) {
            if (SettingDefaults.isSetting(option)) {
                properties.put(PREFIX + SettingDefaults.name(option), text(option.getValue()));
            }
        }
        return properties;
    }

    private static String text(Object value) {
        return switch (value) {
            case List<?> values ->
                    values.stream()
                            .map(one -> one.toString().replace(",", "\\,"))
                            .collect(Collectors.joining(","));
            case Enum<?> constant -> constant.name().toLowerCase(Locale.ROOT);
            default -> value.toString();
        };
    }

    static ChasquiConfig read() {
        try {
            return new SmallRyeConfigBuilder()
                    .addDefaultSources()
                    .addDiscoveredConverters()
                    .addDefaultInterceptors()
                    .withMapping(ChasquiConfig.class)
                    .withMapping(HttpConfig.class)
                    .build()
                    .getConfigMapping(ChasquiConfig.class);
        } catch (ConfigValidationException e) {
            throw new UserException(problems(e));
        }
    }

    private static String problems(ConfigValidationException e) {
        return IntStream.range(0, e.getProblemCount())
                .mapToObj(i -> e.getProblem(i).getMessage())
                .collect(Collectors.joining("\n  ", "settings that cannot be:\n  ", ""));
    }
}
