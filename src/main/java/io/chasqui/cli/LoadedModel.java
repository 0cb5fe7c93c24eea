package io.chasqui.cli;

import io.chasqui.backend.Backend;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.MemoryPlan;
import io.chasqui.backend.cpu.CpuBackend;
import io.chasqui.backend.cuda.CudaException;
import io.chasqui.backend.cuda.OutOfDeviceMemoryException;
import io.chasqui.catalog.LocalModel;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.config.ChasquiConfig.KvCacheType;
import io.chasqui.model.Checkpoint;
import io.chasqui.model.GenerationDefaults;
import io.chasqui.model.Geometry;
import io.chasqui.model.LlamaConfig;
import io.chasqui.model.LlamaModel;
import io.chasqui.model.LlamaWeights;
import io.chasqui.model.LlamaWeightsLoader;
import io.chasqui.model.ProgressListener;
import io.chasqui.quant.DType;
import io.chasqui.tokenizer.ByteTokenizer;
import io.chasqui.tokenizer.Tokenizer;
import io.chasqui.tokenizer.TokenizerLoader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;

/**
 * A model in memory: its weights packed for a backend, over a KV cache, beside its tokenizer.
 *
 * @param model closes backend and KV cache with it
 * @param backendName of logs and fingerprints
 * @param whyBackend why this backend computes
 * @param chatTemplate text of the template in the model's files, or null
 * @param eosTokens end tokens that the checkpoint names
 * @param sampling what the checkpoint recommends
 * @param heartbeat what the model calls between layers; set by whoever runs a watchdog
 * @param times how long the parts took
 */
record LoadedModel(
        LlamaModel model,
        String backendName,
        String whyBackend,
        Tokenizer tokenizer,
        String chatTemplate,
        SequencedSet<Integer> eosTokens,
        GenerationDefaults sampling,
        AtomicReference<Runnable> heartbeat,
        Map<String, Duration> times)
        implements AutoCloseable {

    private static final long DUMMY_SEED = 1;

    /**
     * Loads a model.
     *
     * @param maxRows most rows of logits in a step
     * @param progress hears of the weights
     */
    static LoadedModel load(
            LocalModel local, ChasquiConfig config, int maxRows, ProgressListener progress) {
        var times = new LinkedHashMap<String, Duration>();
        var choice = Backends.ofMachine().create(config);
        var backend = choice.backend();
        try (var checkpoint = open(local, backend, config)) {
            var plan = plan(checkpoint.config(), backend, config, maxRows);
            var tokenizer =
                    CompletableFuture.supplyAsync(
                            () -> timed(times, "tokenizer", () -> tokenizer(local, checkpoint)));
            var weights =
                    timed(
                            times,
                            "load and repack",
                            () -> LlamaWeightsLoader.load(checkpoint, backend, progress));
            var heartbeat = new AtomicReference<Runnable>(() -> {});
            var model =
                    timed(
                            times,
                            "warm-up",
                            () ->
                                    assemble(
                                            checkpoint,
                                            weights,
                                            backend,
                                            plan,
                                            config,
                                            maxRows,
                                            heartbeat));
            return new LoadedModel(
                    model,
                    backend.name(),
                    choice.why(),
                    tokenizer.join(),
                    chatTemplate(local, checkpoint),
                    checkpoint.eosTokenIds(),
                    checkpoint.generationDefaults(),
                    heartbeat,
                    times);
        } catch (OutOfDeviceMemoryException e) {
            backend.close();
            throw new UserException(
                    "A GPU has too little memory left: %s. Other processes may have taken what was"
                                    .formatted(e.getMessage())
                            + " free (nvidia-smi shows them); else lower --gpu-memory-utilization.");
        } catch (RuntimeException | Error e) {
            backend.close();
            throw e;
        }
    }

    /** How the devices' memory is divided, if they have their own; nothing is allocated yet. */
    private static Optional<MemoryPlan> plan(
            LlamaConfig model, Backend backend, ChasquiConfig config, int maxRows) {
        try {
            var plan =
                    backend.plan(
                            model.shape(),
                            model.tiedHead(),
                            config.maxNumBatchedTokens(),
                            maxRows,
                            config.blockSize());
            plan.ifPresent(memory -> KvCacheSize.check(memory, config));
            return plan;
        } catch (IllegalArgumentException e) {
            throw new UserException("--tensor-parallel-size: " + e.getMessage() + ".");
        } catch (CudaException e) {
            throw new UserException("--backend cuda: " + e.getMessage());
        }
    }

    private static Checkpoint open(LocalModel local, Backend backend, ChasquiConfig config) {
        if (local.path() != null) {
            return Checkpoint.open(local.path());
        }
        var type = config.dtype().orElse(backend instanceof CpuBackend ? "Q8_0" : "BF16");
        try {
            var geometry = Geometry.named(config.geometry().orElseThrow());
            int layers = config.layers().orElse(geometry.config().layers());
            var dtype = dtype(type);
            return Checkpoint.dummy(geometry, layers, dtype, DUMMY_SEED);
        } catch (IllegalArgumentException e) {
            throw new UserException("--load-format dummy: " + e.getMessage() + ".");
        }
    }

    private static DType dtype(String name) {
        return Arrays.stream(DType.values())
                .filter(type -> type.name().equalsIgnoreCase(name))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "no type '%s'; there are %s"
                                                .formatted(name, Arrays.toString(DType.values()))));
    }

    private static LlamaModel assemble(
            Checkpoint checkpoint,
            LlamaWeights weights,
            Backend backend,
            Optional<MemoryPlan> plan,
            ChasquiConfig config,
            int maxRows,
            AtomicReference<Runnable> heartbeat) {
        var shape = checkpoint.config().shape();
        backend.allocateWorkspace(shape, config.maxNumBatchedTokens(), maxRows);
        var kvDType = config.kvCacheDtype() == KvCacheType.F32 ? KvDType.F32 : KvDType.BF16;
        int blocks =
                KvCacheSize.blocks(
                        checkpoint.config(),
                        backend.kvCacheBytesPerToken(shape, kvDType),
                        plan,
                        config);
        var kvCache = backend.allocateKvCache(shape, kvDType, blocks, config.blockSize());
        var model =
                new LlamaModel(
                        checkpoint.config(),
                        weights,
                        backend,
                        kvCache,
                        () -> heartbeat.get().run());
        WarmUp.run(model, config.maxNumBatchedTokens());
        return model;
    }

    private static Tokenizer tokenizer(LocalModel local, Checkpoint checkpoint) {
        if (local.path() == null) {
            return new ByteTokenizer(checkpoint.config().vocab());
        }
        if (!Files.isDirectory(local.path())) {
            return TokenizerLoader.fromGguf(checkpoint.metadata());
        }
        try {
            return ofFolder(local.path());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Tokenizer ofFolder(Path folder) throws IOException {
        var json = folder.resolve("tokenizer.json");
        if (Files.exists(json)) {
            return TokenizerLoader.fromTokenizerJson(json);
        }
        for (var name : new String[] {"tokenizer.model", "original/tokenizer.model"}) {
            if (Files.exists(folder.resolve(name))) {
                return TokenizerLoader.fromTokenizerModel(folder.resolve(name));
            }
        }
        throw new UserException(
                folder + " holds neither tokenizer.json nor tokenizer.model; one is needed.");
    }

    /** The text of the model's own template; it is compared with known ones, never run. */
    private static String chatTemplate(LocalModel local, Checkpoint checkpoint) {
        if (local.path() == null || !Files.isDirectory(local.path())) {
            return (String) checkpoint.metadata().get("tokenizer.chat_template");
        }
        return TemplateFile.read(local.path());
    }

    LlamaConfig config() {
        return model.config();
    }

    static <T> T timed(
            Map<String, Duration> times, String part, java.util.function.Supplier<T> body) {
        long start = System.nanoTime();
        var result = body.get();
        synchronized (times) {
            times.put(part, Duration.ofNanos(System.nanoTime() - start));
        }
        return result;
    }

    @Override
    public void close() {
        model.close();
    }
}
