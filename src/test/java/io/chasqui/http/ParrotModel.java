package io.chasqui.http;

import io.chasqui.chat.ChatMlTemplate;
import io.chasqui.chat.ModelRegistry;
import io.chasqui.chat.ServedModel;
import io.chasqui.config.EngineConfig;
import io.chasqui.engine.EngineListener;
import io.chasqui.engine.LlmEngine;
import io.chasqui.executor.ParrotExecutor;
import io.chasqui.testing.ByteTokenizer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** The model {@value #ID}, which says the last message again: its users write its tool calls. */
final class ParrotModel {
    static final String ID = "parrot";

    private ParrotModel() {}

    /** Serves it, once. */
    static synchronized void serve(ModelRegistry registry) {
        if (registry.find(ID).isPresent()) {
            return;
        }
        registry.add(model());
        registry.state(ModelRegistry.State.READY);
    }

    /** What it has to be told so that it calls this function, once for each arguments. */
    static String calls(String name, String... arguments) {
        return Arrays.stream(arguments)
                .map(
                        "<tool_call>\n{\"name\": \"%s\", \"arguments\": %%s}\n</tool_call>"
                                        .formatted(name)
                                ::formatted)
                .collect(Collectors.joining("\n"));
    }

    private static ServedModel model() {
        var tokenizer = new ByteTokenizer("<|im_start|>", "<|im_end|>", "<|endoftext|>");
        int start = tokenizer.specialToken("<|im_start|>");
        int end = tokenizer.specialToken("<|im_end|>");
        var engine =
                new LlmEngine(
                        config(),
                        new ParrotExecutor(start, end),
                        tokenizer,
                        Set.of(end),
                        EngineListener.NONE);
        engine.start();
        return new ServedModel(
                ID,
                List.of(),
                engine,
                tokenizer,
                ChatMlTemplate.generic(),
                null,
                Set.of(end),
                ServedModel.GenerationDefaults.OPENAI,
                1_700_000_000,
                "fp_parrot");
    }

    private static EngineConfig config() {
        return new EngineConfig(
                16_384,
                16,
                2048,
                4096,
                16,
                64,
                1_000_000,
                Duration.ofSeconds(30),
                true,
                true,
                3,
                Duration.ofMillis(500));
    }
}
