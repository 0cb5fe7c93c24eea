package io.chasqui.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.quant.DType;
import io.chasqui.testing.SharedData;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsFolderTest {
    private static final String INDEX = "model.safetensors.index.json";
    private static final String FIRST = "model-00001-of-00002.safetensors";
    private static final String SECOND = "model-00002-of-00002.safetensors";

    @TempDir Path folder;

    @Test
    void readsAPublishedShardedModel() {
        var path = SharedData.path("golden/tiny-llama32-tied-bf16-sharded");
        try (var model = SafetensorsFolder.open(path)) {
            assertEquals(5, model.shards());
            assertEquals(3 * 9 + 2, model.tensors().size());
            var gate = model.tensors().get("model.layers.2.mlp.gate_proj.weight");
            assertEquals(DType.BF16, gate.dtype());
            assertEquals(List.of(512L, 256L), gate.shape());
            assertEquals(2 * 512 * 256, gate.data().byteSize());
        }
    }

    @Test
    void readsIntegersBesideFloats() {
        var path = SharedData.path("golden/tiny-llama31-f32/golden.safetensors");
        try (var file = SafetensorsFile.open(path)) {
            var prompt = file.others().get("prompt_0");
            assertEquals("I32", prompt.type());
            assertEquals(List.of(17L), prompt.shape());
            assertEquals(17 * 4, prompt.data().byteSize());
            assertEquals(List.of(17L, 512L), file.tensors().get("logits_0").shape());
        }
    }

    @Test
    void readsTensorsWhereTheHeaderSays() throws IOException {
        var header =
                "{\"__metadata__\":{\"format\":\"pt\"},"
                        + HostileSafetensors.tensor("late", "F16", "[2,1]", "[5,9]")
                        + ","
                        + HostileSafetensors.tensor("early", "F32", "[]", "[0,4]")
                        + ","
                        + HostileSafetensors.tensor("empty", "F32", "[0,7]", "[4,4]")
                        + ","
                        + HostileSafetensors.tensor("byte", "F8_E4M3", "[1]", "[4,5]")
                        + "}      ";
        var content = HostileSafetensors.file(header, 9);
        content[content.length - 1] = 42;
        content[content.length - 5] = 41;
        Files.write(folder.resolve("model.safetensors"), content);
        try (var model = SafetensorsFolder.open(folder)) {
            assertEquals(Set.of("early", "empty", "late"), model.tensors().keySet());
            assertEquals(List.of(2L, 1L), model.tensors().get("late").shape());
            assertEquals(42, model.tensors().get("late").data().get(ValueLayout.JAVA_BYTE, 3));
            assertEquals(List.of(), model.tensors().get("early").shape());
            assertEquals(0, model.tensors().get("empty").data().byteSize());
            assertEquals("F8_E4M3", model.others().get("byte").type());
            assertEquals(41, model.others().get("byte").data().get(ValueLayout.JAVA_BYTE, 0));
        }
    }

    @Test
    void joinsTheFilesOfAnIndex() throws IOException {
        writeShards();
        writeIndex(Map.of("a", FIRST, "b", SECOND));
        try (var model = SafetensorsFolder.open(folder)) {
            assertEquals(Set.of("a", "b"), model.tensors().keySet());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../secret.safetensors",
                "/etc/passwd.safetensors",
                "sub/model.safetensors",
                "sub\\\\model.safetensors",
                "..",
                ".hidden.safetensors",
                "C:model.safetensors",
                "a\\u0000b.safetensors",
                ""
            })
    void refusesNamesThatAreNotPlainFileNames(String name) throws IOException {
        writeShards();
        writeIndex(Map.of("a", FIRST, "b", name));
        assertRefused(INDEX);
    }

    @Test
    void refusesPicklesThatAnIndexNames() throws IOException {
        writeShards();
        writeIndex(Map.of("a", FIRST, "b", "pytorch_model.bin"));
        assertRefused("pickle");
    }

    @Test
    void refusesALinkOutOfTheFolder(@TempDir Path elsewhere) throws IOException {
        writeShards();
        writeIndex(Map.of("a", FIRST, "b", SECOND));
        var moved = Files.move(folder.resolve(SECOND), elsewhere.resolve(SECOND));
        Files.createSymbolicLink(folder.resolve(SECOND), moved);
        assertRefused("a link out of the model's folder");
    }

    @Test
    void followsTheLinksOfAHuggingFaceCache() throws IOException {
        var snapshot = Files.createDirectories(folder.resolve("snapshots/0123abc"));
        var blobs = Files.createDirectories(folder.resolve("blobs"));
        writeShard(FIRST, "a");
        writeIndex(Map.of("a", FIRST));
        for (var name : List.of(FIRST, INDEX)) {
            Files.move(folder.resolve(name), blobs.resolve(name + "-blob"));
            Files.createSymbolicLink(
                    snapshot.resolve(name), Path.of("../../blobs/" + name + "-blob"));
        }
        try (var model = SafetensorsFolder.open(snapshot)) {
            assertEquals(Set.of("a"), model.tensors().keySet());
        }
    }

    @Test
    void refusesATensorThatTheIndexPlacesElsewhere() throws IOException {
        writeShards();
        writeIndex(Map.of("a", SECOND, "b", FIRST));
        assertRefused(
                "holds the tensor 'b', which model.safetensors.index.json places in " + FIRST);
    }

    @Test
    void refusesATensorThatTheIndexDoesNotName() throws IOException {
        writeShards();
        writeIndex(Map.of("a", FIRST));
        writeShard(FIRST, "stray");
        assertRefused("'stray', which model.safetensors.index.json places in no file");
    }

    @Test
    void refusesATensorThatNoFileHolds() throws IOException {
        writeShards();
        writeIndex(Map.of("a", FIRST, "b", SECOND, "c", SECOND));
        assertRefused("places the tensor 'c' in " + SECOND);
    }

    @Test
    void refusesAMissingFile() throws IOException {
        writeShard(FIRST, "a");
        writeIndex(Map.of("a", FIRST, "b", SECOND));
        assertRefused(SECOND + "', which is not there");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "{}",
                "{\"weight_map\":{}}",
                "{\"weight_map\":[\"a\"]}",
                "{\"weight_map\":{\"a\":1}}",
                "{\"weight_map\":{\"a\":\"model-00001-of-00002.safetensors\"}",
                "{\"weight_map\":{\"a\":\"model-00001-of-00002.safetensors\","
                        + "\"a\":\"model-00002-of-00002.safetensors\"}}",
                "{\"weight_map\":{\"a\":\"model-00001-of-00002.safetensors\"},\"weight_map\":{}}"
            })
    void refusesAnIndexThatIsNone(String index) throws IOException {
        writeShards();
        Files.writeString(folder.resolve(INDEX), index);
        assertRefused(INDEX);
    }

    @Test
    void pointsAtThePickleWhenThereIsNothingElse() throws IOException {
        Files.writeString(folder.resolve("pytorch_model.bin"), "");
        assertRefused("pytorch_model.bin is a pickle");
    }

    private void writeShards() throws IOException {
        writeShard(FIRST, "a");
        writeShard(SECOND, "b");
    }

    private void writeShard(String file, String tensor) throws IOException {
        var header = "{" + HostileSafetensors.tensor(tensor, "F32", "[1]", "[0,4]") + "}";
        Files.write(folder.resolve(file), HostileSafetensors.file(header, 4));
    }

    private void writeIndex(Map<String, String> fileOf) throws IOException {
        var entries =
                new TreeMap<>(fileOf)
                        .entrySet().stream()
                                .map(e -> "\"" + e.getKey() + "\":\"" + e.getValue() + "\"")
                                .toList();
        Files.writeString(
                folder.resolve(INDEX),
                "{\"metadata\":{\"total_size\":8},\"weight_map\":{"
                        + String.join(",", entries)
                        + "}}");
    }

    private void assertRefused(String reason) {
        var error =
                assertThrows(
                        ModelFormatException.class, () -> SafetensorsFolder.open(folder).close());
        assertTrue(error.getMessage().contains(reason), error.getMessage());
    }
}
