package io.chasqui.catalog;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Optional;

/**
 * One model of the catalogue.
 *
 * @param name the name people type, {@code family:size}
 * @param aliases other names for it
 * @param sources where its files are, in the order in which they are tried
 * @param sha256 checksum of its one file in lower-case hex, or null when not known
 * @param size bytes of that file, or null when not known
 * @param licence name of its licence
 * @param chatFormat value for {@code --chat-format}, or null to go by the model's template
 * @param sampling how its publisher samples from it, or null
 */
public record ModelEntry(
        @JsonProperty(required = true) String name,
        List<String> aliases,
        @JsonProperty(required = true) List<String> sources,
        String sha256,
        Long size,
        String licence,
        String chatFormat,
        Sampling sampling) {

    public ModelEntry {
        aliases = aliases == null ? List.of() : List.copyOf(aliases);
        sources = List.copyOf(sources);
        if (name.isBlank() || sources.isEmpty()) {
            throw new IllegalArgumentException("a model needs a name and at least one source");
        }
    }

    /** An entry for a source that was typed in place of a name. */
    static ModelEntry of(ModelSource source) {
        var text = source.toString();
        return new ModelEntry(text, null, List.of(text), null, null, null, null, null);
    }

    /** The name in the API: that of the catalogue; for a file or repository, its last part. */
    String displayName() {
        return SafeNames.last(name).replaceFirst("\\.gguf$", "");
    }

    /** A folder name for it; names that differ in folder characters only stay apart. */
    String folderName() {
        var plain = name.replaceAll("[^\\w.-]+", "-");
        return name.matches("[\\w.-]+(:[\\w.-]+)?")
                ? plain
                : plain + "-" + Sha256.of(name).substring(0, 12);
    }

    /** The sources, read. */
    List<ModelSource> parsedSources() {
        return sources.stream().map(ModelSource::parse).toList();
    }

    /** The checksum that its file must have, if one is known. */
    Optional<String> checksum() {
        return Optional.ofNullable(sha256);
    }
}
