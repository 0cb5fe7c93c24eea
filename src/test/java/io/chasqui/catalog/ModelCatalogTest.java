package io.chasqui.catalog;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.chasqui.testing.SharedData;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelCatalogTest {
    private final ModelCatalog catalog = ModelCatalog.ofRelease();

    @ParameterizedTest
    @CsvSource({
        "default, smollm2:135m",
        "smollm2, smollm2:135m",
        "smollm2:135m, smollm2:135m",
        "llama3.1, llama3.1:8b",
        "Llama3.1:8B, llama3.1:8b",
        "llama3.1:70b, llama3.1:70b",
        "llama3.1:405b, llama3.1:405b",
        "llama3.2, llama3.2:3b",
        "llama3.2:1b, llama3.2:1b",
        "llama3.3, llama3.3:70b",
        "llama-guard3, llama-guard3:8b"
    })
    void knowsTheNamesPeopleType(String typed, String name) {
        assertEquals(name, catalog.resolve(typed).name());
    }

    @Test
    void theDefaultModelIsTheOneWithReferenceAnswers() throws IOException {
        var golden = SharedData.path("models/smollm2-135m-instruct/golden.json");
        var sha256 = new ObjectMapper().readTree(golden.toFile()).get("model_sha256").textValue();
        var entry = catalog.resolve(ModelCatalog.DEFAULT);
        assertEquals(sha256, entry.sha256());
        assertEquals(2, entry.sources().size());
    }

    @Test
    void theFileInConfigIsTheOneInTheJar() throws IOException {
        try (var resource = ModelCatalog.class.getResourceAsStream("/models.json")) {
            assertEquals(
                    Files.readString(Path.of("config/models.json")),
                    new String(resource.readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    @Test
    void llamasSampleAsTheirPublisherDoes() {
        var sampling = catalog.resolve("llama3.1").sampling();
        assertEquals(0.6, sampling.temperature());
        assertEquals(0.9, sampling.topP());
    }

    @Test
    void anUnknownNameIsToldWithTheKnownOnes() {
        var e = assertThrows(CatalogException.class, () -> catalog.resolve("llama9"));
        assertTrue(e.getMessage().contains("'llama9'"), e.getMessage());
        assertTrue(e.getMessage().contains("llama3.1:70b"), e.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"missing.gguf", "no/such/folder"})
    void aMissingPathIsToldAsAPath(String path) {
        var e = assertThrows(CatalogException.class, () -> catalog.resolve(path));
        assertEquals("There is no file or folder " + path + ".", e.getMessage());
    }

    @Test
    void aFileIsAModelNamedAfterIt(@TempDir Path folder) throws IOException {
        var file = Files.createFile(folder.resolve("my-model.gguf"));
        var entry = catalog.resolve(file.toString());
        assertEquals("my-model", LocalModel.of(entry, file).name());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"models\":[{\"name\":\"a\",\"sources\":[\"x\"]},{\"name\":\"A\",\"sources\":[\"y\"]}]}",
                "{\"models\":[{\"name\":\"a\",\"aliases\":[\"a\"],\"sources\":[\"x\"]}]}",
                "{\"models\":[{\"name\":\"a\",\"sources\":[]}]}",
                "{\"models\":[{\"name\":\"a\"}]}",
                "{\"models\":[{\"sources\":[\"x\"]}]}",
                "{\"models\":[{\"name\":\"a\",\"sources\":[\"x\"],\"sha\":\"1\"}]}",
                "{\"models\":[{\"name\":\"a\",\"sources\":[\"hf:x\"]}]}",
                "{\"models\":[",
                "{}"
            })
    void refusesAMalformedCatalogue(String json) {
        var bytes = new ByteArrayInputStream(json.getBytes(StandardCharsets.UTF_8));
        assertThrows(CatalogException.class, () -> ModelCatalog.read(bytes));
    }
}
