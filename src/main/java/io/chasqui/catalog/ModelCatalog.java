package io.chasqui.catalog;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** The models known by name. */
public final class ModelCatalog {
    /** Name of the model that is meant when none is named. */
    public static final String DEFAULT = "default";

    private static final String RESOURCE = "/models.json";

    private final List<ModelEntry> entries;
    private final Map<String, ModelEntry> byName = new HashMap<>();

    private ModelCatalog(List<ModelEntry> entries) {
        this.entries = List.copyOf(entries);
        for (var entry : entries) {
            add(entry.name(), entry);
            entry.aliases().forEach(alias -> add(alias, entry));
            entry.parsedSources();
        }
    }

    private void add(String name, ModelEntry entry) {
        if (byName.putIfAbsent(key(name), entry) != null) {
            throw new CatalogException("Two models of the catalogue are named '" + name + "'.");
        }
    }

    private static String key(String name) {
        return name.toLowerCase(Locale.ROOT);
    }

    /** The catalogue of this release, {@code config/models.json}. */
    public static ModelCatalog ofRelease() {
        try (var json = ModelCatalog.class.getResourceAsStream(RESOURCE)) {
            return read(json);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Reads a catalogue.
     *
     * @throws CatalogException if it is malformed
     */
    static ModelCatalog read(InputStream json) {
        record Document(List<ModelEntry> models) {}
        try {
            var models = new ObjectMapper().readValue(json, Document.class).models();
            if (models == null) {
                throw new CatalogException("The catalogue is malformed: it has no models");
            }
            return new ModelCatalog(models);
        } catch (IOException e) {
            throw new CatalogException("The catalogue is malformed: " + e.getMessage(), e);
        }
    }

    public List<ModelEntry> entries() {
        return entries;
    }

    /**
     * What the user means by {@code model}: a name of the catalogue, {@code hf:…}, {@code pypi:…},
     * a file or a folder.
     *
     * @throws CatalogException if it is none of these; the message lists the names
     */
    public ModelEntry resolve(String model) {
        var entry = byName.get(key(model));
        if (entry != null) {
            return entry;
        }
        if (model.startsWith("hf:") || model.startsWith("pypi:")) {
            return ModelEntry.of(ModelSource.parse(model));
        }
        if (Files.exists(Path.of(model))) {
            return ModelEntry.of(new ModelSource.Local(Path.of(model)));
        }
        if (model.contains("/") || model.endsWith(".gguf")) {
            throw new CatalogException("There is no file or folder " + model + ".");
        }
        throw new CatalogException(
                "There is no model '"
                        + model
                        + "'. Known are "
                        + entries.stream().map(ModelEntry::name).collect(Collectors.joining(", "))
                        + "; a .gguf file, a model folder and hf:organisation/repository/file work too.");
    }
}
