package io.chasqui.grammar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.testing.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class JsonSchemaTestSuiteTest {
    private static Path suite() {
        return SharedData.path("data/json-schema-test-suite/tests-draft2020-12");
    }

    @ParameterizedTest
    @EnumSource
    void noInvalidInstanceIsAccepted(SchemaOptions.Reading reading) throws IOException {
        var runner = new JsonSchemaTestSuite(reading);
        int instances = 0;
        for (var folder : List.of("", "optional", "optional/format")) {
            for (var file : runner.run(suite().resolve(folder)).entrySet()) {
                assertEquals(List.of(), file.getValue().invalidAccepted, file.getKey());
                instances += file.getValue().invalid;
            }
        }
        assertTrue(instances > 700, "invalid instances tried: " + instances);
    }

    @Test
    void thePageSaysWhatTheSuiteShows() throws IOException {
        assertEquals(
                SchemaSupportPage.page(suite()),
                Files.readString(SchemaSupportPage.PAGE),
                "run SchemaSupportPage.main to write docs/json-schema.md anew");
    }
}
