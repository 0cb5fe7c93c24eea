package io.chasqui.http;

import io.chasqui.chat.ChatMlTemplate;
import io.chasqui.chat.ModelRegistry;
import io.chasqui.chat.ServedModel;
import io.chasqui.chat.ServedModel.GenerationDefaults;
import io.chasqui.config.EngineConfig;
import io.chasqui.engine.EngineListener;
import io.chasqui.engine.LlmEngine;
import io.chasqui.executor.HashExecutor;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.executor.ScriptedExecutor;
import io.chasqui.testing.ByteTokenizer;
import io.chasqui.tokenizer.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/** Models without weights, served by the real engine. */
final class TestModels {
    /** Says {@link #SCRIPT} and ends. */
    static final String SCRIPTED = "test/scripted";

    /** Another name of {@link #SCRIPTED}. */
    static final String ALIAS = "scripted-alias";

    /** Says what {@link HashExecutor} makes of its input. */
    static final String HASH = "hash";

    /** Does a step only when {@link #GATE} lets it. */
    static final String GATED = "gated";

    static final String SCRIPT = "Hello, wörld! 🦙 done";
    static final int MAX_MODEL_LEN = 512;
    static final int BLOCKS = 256;
    static final int END = 257;
    static final GatedExecutor GATE = new GatedExecutor(new ScriptedExecutor('x'));

    private static final String[] SPECIALS = {"<|im_start|>", "<|im_end|>", "<|endoftext|>"};

    private TestModels() {}

    /** Serves them all, once. */
    static synchronized void serve(ModelRegistry registry) {
        if (registry.find(SCRIPTED).isPresent()) {
            return;
        }
        registry.add(model(SCRIPTED, List.of(ALIAS), new ScriptedExecutor(script())));
        registry.add(model(HASH, List.of(), new HashExecutor(BLOCKS, 16, 128)));
        registry.add(model(GATED, List.of(), GATE));
        registry.state(ModelRegistry.State.READY);
    }

    private static int[] script() {
        var bytes = SCRIPT.getBytes(StandardCharsets.UTF_8);
        var ids = new int[bytes.length + 1];
        Arrays.setAll(ids, i -> i < bytes.length ? bytes[i] & 0xFF : END);
        return ids;
    }

    private static ServedModel model(String id, List<String> aliases, ModelExecutor executor) {
        Tokenizer tokenizer = new ByteTokenizer(SPECIALS);
        var engine = new LlmEngine(config(), executor, tokenizer, Set.of(END), EngineListener.NONE);
        engine.start();
        return new ServedModel(
                id,
                aliases,
                engine,
                tokenizer,
                ChatMlTemplate.generic(),
                null,
                Set.of(END),
                GenerationDefaults.OPENAI,
                1_700_000_000,
                "fp_test");
    }

    private static EngineConfig config() {
        return new EngineConfig(
                MAX_MODEL_LEN,
                64,
                256,
                BLOCKS,
                16,
                32,
                16_384,
                Duration.ofSeconds(30),
                true,
                3,
                Duration.ofMillis(500));
    }
}
