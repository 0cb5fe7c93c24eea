package io.chasqui.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The chat template of a model folder, as text to compare; it is never run. */
final class TemplateFile {
    private TemplateFile() {}

    /** Its text, or null when the folder has none. */
    static String read(Path folder) {
        try {
            var jinja = folder.resolve("chat_template.jinja");
            if (Files.exists(jinja)) {
                return Files.readString(jinja);
            }
            var config = folder.resolve("tokenizer_config.json");
            if (!Files.exists(config)) {
                return null;
            }
            var template = new ObjectMapper().readTree(config.toFile()).get("chat_template");
            return template != null && template.isTextual() ? template.textValue() : null;
        } catch (IOException e) {
            throw new UserException(
                    "cannot read the chat template of " + folder + ": " + e.getMessage());
        }
    }
}
