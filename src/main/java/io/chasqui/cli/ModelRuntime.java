package io.chasqui.cli;

import io.chasqui.catalog.LocalModel;
import io.chasqui.catalog.Sampling;
import io.chasqui.chat.ChatTemplates;
import io.chasqui.chat.ServedModel;
import io.chasqui.chat.ServedModel.GenerationDefaults;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.config.EngineConfig;
import io.chasqui.engine.EngineListener;
import io.chasqui.engine.LlmEngine;
import io.chasqui.executor.LocalExecutor;
import io.chasqui.model.ProgressListener;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * The composition root: a model put together from its parts, tokenizer, weights on a backend, KV
 * cache and engine.
 */
final class ModelRuntime implements AutoCloseable {
    private static final int MAX_PREEMPTIONS = 3;
    private static final Duration STEP_TARGET = Duration.ofMillis(300);

    private final LocalModel local;
    private final List<String> names;
    private final ChasquiConfig config;
    private final LoadedModel loaded;
    private LlmEngine engine;

    private ModelRuntime(
            LocalModel local, List<String> names, ChasquiConfig config, LoadedModel loaded) {
        this.local = local;
        this.names = names;
        this.config = config;
        this.loaded = loaded;
    }

    /**
     * Reads a model. Needs nothing of Quarkus.
     *
     * @param names its id in the API, then aliases
     * @param progress hears how far the weights are
     */
    static ModelRuntime load(
            LocalModel model, List<String> names, ChasquiConfig config, ProgressListener progress) {
        int maxRows = LlmEngine.maxRows(config.maxNumSeqs());
        return new ModelRuntime(
                model, names, config, LoadedModel.load(model, config, maxRows, progress));
    }

    /** Starts its engine. */
    ServedModel start(EngineListener listener) {
        var format = chatFormat();
        var endTokens = new LinkedHashSet<>(loaded.eosTokens());
        if (format.template() != null) {
            endTokens.addAll(format.template().endTokens(loaded.tokenizer()));
        }
        engine =
                new LlmEngine(
                        engineConfig(),
                        new LocalExecutor(loaded.model()),
                        loaded.tokenizer(),
                        endTokens,
                        listener);
        loaded.heartbeat().set(engine::heartbeat);
        engine.start();
        return new ServedModel(
                names.getFirst(),
                names.subList(1, names.size()),
                engine,
                loaded.tokenizer(),
                format.template(),
                format.problem(),
                Set.copyOf(endTokens),
                defaults(),
                Instant.now().getEpochSecond(),
                fingerprint());
    }

    /** The format asked for; else that of the model's own template; else that of the catalogue. */
    private ChatTemplates.Selection chatFormat() {
        var asked = config.chatFormat().orElse(null);
        var own = ChatTemplates.select(asked, loaded.chatTemplate(), loaded.tokenizer());
        if (own.template() != null || asked != null || local.chatFormat() == null) {
            return own;
        }
        return ChatTemplates.select(local.chatFormat(), null, loaded.tokenizer());
    }

    private EngineConfig engineConfig() {
        var kvCache = loaded.model().kvCache();
        int context = loaded.config().contextLength();
        return new EngineConfig(
                Math.min(context, config.maxModelLen().orElse(context)),
                config.maxNumSeqs(),
                config.maxNumBatchedTokens(),
                kvCache.numBlocks(),
                kvCache.blockSize(),
                config.maxQueuedRequests(),
                config.maxQueuedTokens(),
                config.queueTimeout(),
                config.enablePrefixCaching(),
                config.enableJumpAhead(),
                MAX_PREEMPTIONS,
                STEP_TARGET);
    }

    /** What the checkpoint recommends; else the catalogue, since a GGUF file says nothing. */
    private GenerationDefaults defaults() {
        var standard = GenerationDefaults.OPENAI;
        if (config.generationConfig() == ChasquiConfig.GenerationConfig.OPENAI) {
            return standard;
        }
        var own = loaded.sampling();
        var listed = local.sampling().orElse(new Sampling(null, null, null, null));
        return new GenerationDefaults(
                first(own.temperature(), listed.temperature(), standard.temperature()).floatValue(),
                first(own.topP(), listed.topP(), standard.topP()).floatValue(),
                first(own.topK(), listed.topK(), standard.topK()).intValue(),
                first(
                                own.repetitionPenalty(),
                                listed.repetitionPenalty(),
                                standard.repetitionPenalty())
                        .floatValue());
    }

    private static Number first(Number own, Number listed, Number standard) {
        return own != null ? own : listed != null ? listed : standard;
    }

    /** Changes when outputs may: model, kernels, KV type, version. */
    private String fingerprint() {
        var version = Objects.toString(getClass().getPackage().getImplementationVersion(), "dev");
        var what =
                String.join(
                        "|",
                        version,
                        String.valueOf(local.path()),
                        loaded.config().layers() + "x" + loaded.config().hidden(),
                        loaded.backendName(),
                        config.kvCacheDtype().name());
        try {
            var hash =
                    MessageDigest.getInstance("SHA-256")
                            .digest(what.getBytes(StandardCharsets.UTF_8));
            return "fp_" + HexFormat.of().formatHex(hash, 0, 5);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** What computes, and why that. */
    String backend() {
        return loaded.backendName() + " (" + loaded.whyBackend() + ")";
    }

    /** How long its parts took. */
    Map<String, Duration> times() {
        return loaded.times();
    }

    @Override
    public void close() {
        if (engine != null) {
            engine.close();
        } else {
            loaded.close();
        }
    }
}
