package io.chasqui.catalog;

import java.util.Set;

/** Which files of a repository a model needs: weights in safetensors, tokenizer, configuration. */
final class RepositoryFiles {
    private static final Set<String> NAMES =
            Set.of(
                    "config.json",
                    "generation_config.json",
                    "tokenizer.json",
                    "tokenizer.model",
                    "tokenizer_config.json",
                    "special_tokens_map.json",
                    "chat_template.jinja",
                    "model.safetensors.index.json");

    private RepositoryFiles() {}

    /** Only files at the top level count; folders hold the same weights in other formats. */
    static boolean areNeeded(String path) {
        return !path.contains("/") && (NAMES.contains(path) || path.endsWith(".safetensors"));
    }
}
