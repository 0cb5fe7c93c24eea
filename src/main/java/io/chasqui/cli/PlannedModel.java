package io.chasqui.cli;

import io.chasqui.catalog.ModelCatalog;
import io.chasqui.catalog.ModelStore;
import io.chasqui.catalog.Progress;
import io.chasqui.config.ChasquiHome;
import io.chasqui.model.Checkpoint;
import io.chasqui.model.Geometry;
import io.chasqui.model.LlamaConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalLong;

/**
 * The model that memory is planned for; its weights are not read.
 *
 * @param stored bytes of its tensors as its files hold them, if there are files
 */
record PlannedModel(String name, LlamaConfig config, OptionalLong stored) {

    /**
     * A geometry, or a model whose files are on this machine; of a folder {@code config.json} is
     * enough.
     *
     * @throws UserException if the model's files are not here
     */
    static PlannedModel named(String name) {
        var geometry =
                Arrays.stream(Geometry.values())
                        .filter(known -> known.label().equalsIgnoreCase(name))
                        .findFirst();
        if (geometry.isPresent()) {
            return new PlannedModel(
                    geometry.get().label(), geometry.get().config(), OptionalLong.empty());
        }
        var entry = ModelCatalog.ofRelease().resolve(name);
        var local =
                ModelStore.open(ChasquiHome.path(), System.getenv(), Progress.NONE)
                        .find(entry)
                        .orElseThrow(
                                () ->
                                        new UserException(
                                                "%s is not here: fetch it with `chasqui pull %s`, or name a geometry (%s)."
                                                        .formatted(name, name, Geometry.labels())));
        if (isConfigurationOnly(local.path())) {
            return new PlannedModel(
                    local.name(), Checkpoint.config(local.path()), OptionalLong.empty());
        }
        try (var checkpoint = Checkpoint.open(local.path())) {
            return new PlannedModel(
                    local.name(), checkpoint.config(), OptionalLong.of(checkpoint.weightBytes()));
        }
    }

    private static boolean isConfigurationOnly(Path path) {
        if (!Files.exists(path.resolve("config.json"))) {
            return false;
        }
        try (var files = Files.list(path)) {
            return files.noneMatch(file -> file.toString().contains(".safetensors"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
