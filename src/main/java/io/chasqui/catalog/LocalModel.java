package io.chasqui.catalog;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A model whose files are on this machine.
 *
 * @param names its names in the API: the one of the catalogue or of its file, then aliases
 * @param path its GGUF file, or the folder with its safetensors, tokenizer and configuration; null
 *     for a model without weights
 * @param chatFormat value for {@code --chat-format}, or null to go by the model's template
 * @param sampling how its publisher samples from it, where the files may not say so
 */
public record LocalModel(
        List<String> names, Path path, String chatFormat, Optional<Sampling> sampling) {

    static LocalModel of(ModelEntry entry, Path path) {
        var names = new ArrayList<>(List.of(entry.displayName()));
        names.addAll(entry.aliases());
        return new LocalModel(
                List.copyOf(names),
                path,
                entry.chatFormat(),
                Optional.ofNullable(entry.sampling()));
    }

    /** A model of random weights. */
    public static LocalModel withoutFiles(String name) {
        return new LocalModel(List.of(name), null, null, Optional.empty());
    }

    public String name() {
        return names.getFirst();
    }
}
