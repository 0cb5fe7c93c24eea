package io.chasqui.http;

import io.chasqui.chat.ChatMlTemplate;
import io.chasqui.chat.ChatTemplate;
import io.chasqui.chat.ChatTemplates;
import io.chasqui.chat.ModelRegistry;
import io.chasqui.chat.ServedModel;
import io.chasqui.chat.ServedModel.GenerationDefaults;
import io.chasqui.config.EngineConfig;
import io.chasqui.engine.EngineListener;
import io.chasqui.engine.EngineStats;
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
    /** Says {@link #SCRIPT} and ends; the id has a slash. */
    static final String SCRIPTED = "test/scripted";

    /** Another name of {@link #SCRIPTED}. */
    static final String ALIAS = "scripted-alias";

    /** Says something and calls two tools; then ends. */
    static final String CALLS = "calls";

    static final String CALLS_SCRIPT =
            """
            I look. <tool_call>
            {"name": "get_weather", "arguments": {"city": "Puno", "days": 3}}
            </tool_call>
            <tool_call>
            {"name": "now", "arguments": {}}
            </tool_call>""";

    /** Says {@code Hé!} and ends. */
    static final String SHORT = "short";

    /** Says what {@link HashExecutor} makes of its input. */
    static final String HASH = "hash";

    /** The same as {@link #HASH} with room for prompts that tell of tools. */
    static final String ROOMY_HASH = "roomy-hash";

    /** Does one sequence at a time, each step only when {@link #GATE} lets it; never ends. */
    static final String GATED = "gated";

    /** Breaks on its first token. */
    static final String FAILS_EARLY = "fails-early";

    /** Breaks on its third token. */
    static final String FAILS_LATE = "fails-late";

    /** Says {@link #HALF_TOLD}; whoever asks the server for the bytes of its last letter fails. */
    static final String FAILS_IN_WRITER = "fails-in-writer";

    /** Has no chat format. */
    static final String PLAIN = "plain";

    /** {@link #HASH} with the chat format of Llama 3.1. */
    static final String LLAMA = "llama";

    /** Begins its texts with a token. */
    static final String WITH_BOS = "with-bos";

    static final String SCRIPT = "Hello, wörld! 🦙 done";
    static final String HALF_TOLD = "ab!";
    static final int MAX_MODEL_LEN = 512;
    static final int ROOMY = 2048;
    static final int BLOCKS = 256;
    static final int BLOCK_SIZE = 16;
    static final int QUEUE = 8;
    static final int END = 257;
    static final GatedExecutor GATE = new GatedExecutor(new ScriptedExecutor('x'));

    /** Before the steps of {@link #FAILS_LATE}. */
    static final GatedExecutor BREAKING_GATE = new GatedExecutor(new BreakingExecutor(2));

    /** Before the steps of {@link #FAILS_IN_WRITER}. */
    static final GatedExecutor WRITER_GATE =
            new GatedExecutor(new ScriptedExecutor(script(HALF_TOLD)));

    private static final String[] SPECIALS = {"<|im_start|>", "<|im_end|>", "<|endoftext|>"};

    private static final String[] LLAMA_SPECIALS = {
        "<|begin_of_text|>",
        "<|eot_id|>",
        "<|end_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eom_id|>",
        "<|python_tag|>"
    };

    private TestModels() {}

    /** Serves them all, once. */
    static synchronized void serve(ModelRegistry registry) {
        if (registry.find(SCRIPTED).isPresent()) {
            return;
        }
        registry.add(model(SCRIPTED, new ScriptedExecutor(script(SCRIPT)), 64, ALIAS));
        registry.add(model(CALLS, new ScriptedExecutor(script(CALLS_SCRIPT)), ROOMY, 64));
        registry.add(model(ROOMY_HASH, new HashExecutor(BLOCKS, BLOCK_SIZE, 128), ROOMY, 64));
        registry.add(model(SHORT, new ScriptedExecutor(script("Hé!")), 64));
        registry.add(model(HASH, new HashExecutor(BLOCKS, BLOCK_SIZE, 128), 64));
        registry.add(model(GATED, GATE, 1));
        registry.add(model(FAILS_EARLY, new BreakingExecutor(0), 64));
        registry.add(model(FAILS_LATE, BREAKING_GATE, 64));
        registry.add(withoutTemplate());
        registry.add(failingInWriter());
        registry.add(withBos());
        registry.add(llama());
        registry.state(ModelRegistry.State.READY);
    }

    /** Serves one more, unless it is being served. */
    static synchronized void serve(ModelRegistry registry, String id, ModelExecutor executor) {
        if (registry.find(id).isEmpty()) {
            registry.add(model(id, executor, 64));
        }
    }

    /** Says the text and ends. */
    static ModelExecutor saying(String text) {
        return new ScriptedExecutor(script(text));
    }

    static LlmEngine engine(ModelRegistry registry, String model) {
        return registry.find(model).orElseThrow().engine();
    }

    static boolean isIdle(EngineStats stats) {
        return stats.running() == 0 && stats.waiting() == 0 && stats.usedBlocks() == 0;
    }

    private static int[] script(String text) {
        var bytes = text.getBytes(StandardCharsets.UTF_8);
        var ids = new int[bytes.length + 1];
        Arrays.setAll(ids, i -> i < bytes.length ? bytes[i] & 0xFF : END);
        return ids;
    }

    private static ServedModel model(
            String id, ModelExecutor executor, int maxNumSeqs, String... aliases) {
        return model(id, executor, MAX_MODEL_LEN, maxNumSeqs, aliases);
    }

    private static ServedModel model(
            String id, ModelExecutor executor, int maxModelLen, int maxNumSeqs, String... aliases) {
        return model(id, executor, maxModelLen, BLOCKS, maxNumSeqs, aliases);
    }

    /** A model on the engine's defaults for tests, with limits of its own. */
    static ServedModel model(
            String id,
            ModelExecutor executor,
            int maxModelLen,
            int blocks,
            int maxNumSeqs,
            String... aliases) {
        Tokenizer tokenizer = new ByteTokenizer(SPECIALS);
        var config = config(maxModelLen, blocks, maxNumSeqs);
        var engine = new LlmEngine(config, executor, tokenizer, Set.of(END), EngineListener.NONE);
        engine.start();
        return new ServedModel(
                id,
                List.of(aliases),
                engine,
                tokenizer,
                ChatMlTemplate.generic(),
                null,
                Set.of(END),
                GenerationDefaults.OPENAI,
                1_700_000_000,
                "fp_test");
    }

    private static ServedModel withoutTemplate() {
        var model = model(PLAIN, new ScriptedExecutor(script("ok")), 64);
        return of(
                PLAIN,
                model,
                model.tokenizer(),
                null,
                "No chat format is known for this model. Pass --chat-format chatml.");
    }

    private static ServedModel withBos() {
        var model = model(WITH_BOS, new ScriptedExecutor(script("ok")), 64);
        var tokenizer = new ByteTokenizer(SPECIALS).withBos("<|endoftext|>");
        return of(WITH_BOS, model, tokenizer, model.template(), null);
    }

    private static ServedModel llama() {
        var model = model(LLAMA, new HashExecutor(BLOCKS, BLOCK_SIZE, 128), 64);
        var tokenizer = new ByteTokenizer(LLAMA_SPECIALS).withBos("<|begin_of_text|>");
        var template = ChatTemplates.select("llama3.1", null, tokenizer).template();
        return of(LLAMA, model, tokenizer, template, null);
    }

    /** A model's engine behind another tokenizer and chat format. */
    private static ServedModel of(
            String id,
            ServedModel model,
            Tokenizer tokenizer,
            ChatTemplate template,
            String templateProblem) {
        return new ServedModel(
                id,
                List.of(),
                model.engine(),
                tokenizer,
                template,
                templateProblem,
                model.endTokens(),
                model.defaults(),
                model.created(),
                model.fingerprint());
    }

    private static ServedModel failingInWriter() {
        var model = model(FAILS_IN_WRITER, WRITER_GATE, 64);
        return new ServedModel(
                model.id(),
                List.of(),
                model.engine(),
                new UntellableTokenizer(model.tokenizer(), '!'),
                model.template(),
                null,
                model.endTokens(),
                model.defaults(),
                model.created(),
                model.fingerprint(),
                model.grammars());
    }

    private static EngineConfig config(int maxModelLen, int blocks, int maxNumSeqs) {
        return new EngineConfig(
                maxModelLen,
                maxNumSeqs,
                256,
                blocks,
                BLOCK_SIZE,
                QUEUE,
                16_384,
                Duration.ofSeconds(30),
                true,
                true,
                3,
                Duration.ofMillis(500));
    }
}
