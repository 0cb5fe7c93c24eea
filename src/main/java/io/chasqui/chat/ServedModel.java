package io.chasqui.chat;

import io.chasqui.engine.LlmEngine;
import io.chasqui.tokenizer.Tokenizer;
import java.util.List;
import java.util.Set;

/**
 * A model that is being served.
 *
 * @param id the name in {@code /v1/models}
 * @param aliases other names it answers to
 * @param engine its engine
 * @param tokenizer its tokenizer
 * @param template its chat format, or null when none is known for it
 * @param templateProblem why there is none, and which {@code --chat-format} to pass
 * @param endTokens its end tokens
 * @param defaults sampling of a request that says nothing
 * @param created unix seconds
 * @param fingerprint changes only when outputs may
 * @param grammars compiled for its vocabulary
 */
public record ServedModel(
        String id,
        List<String> aliases,
        LlmEngine engine,
        Tokenizer tokenizer,
        ChatTemplate template,
        String templateProblem,
        Set<Integer> endTokens,
        GenerationDefaults defaults,
        long created,
        String fingerprint,
        ModelGrammars grammars) {

    public ServedModel(
            String id,
            List<String> aliases,
            LlmEngine engine,
            Tokenizer tokenizer,
            ChatTemplate template,
            String templateProblem,
            Set<Integer> endTokens,
            GenerationDefaults defaults,
            long created,
            String fingerprint) {
        this(
                id,
                aliases,
                engine,
                tokenizer,
                template,
                templateProblem,
                endTokens,
                defaults,
                created,
                fingerprint,
                new ModelGrammars(
                        tokenizer, template == null ? null : template.marker(), endTokens));
    }

    public int maxModelLen() {
        return engine.maxModelLen();
    }

    /** Sampling of a request that says nothing: the publisher's, as in generation_config.json. */
    public record GenerationDefaults(
            float temperature, float topP, int topK, float repetitionPenalty) {
        /** The OpenAI API's own defaults. */
        public static final GenerationDefaults OPENAI = new GenerationDefaults(1, 1, 0, 1);
    }
}
