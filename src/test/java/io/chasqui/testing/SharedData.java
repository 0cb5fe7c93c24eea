package io.chasqui.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Reference data outside the repository. Tests that need a file of it skip, naming it, when absent.
 */
public final class SharedData {
    private SharedData() {}

    /** A file or folder of the shared data, e.g. {@code data/rope/rope_llama3_head128.json}. */
    public static Path path(String relative) {
        var root = System.getProperty("chasqui.shared", "");
        if (root.isEmpty()) {
            root = System.getenv().getOrDefault("CHASQUI_SHARED", "");
        }
        assumeTrue(
                !root.isEmpty(),
                () -> "needs " + relative + ": set -Dchasqui.shared to the reference data");
        var path = Path.of(root).resolve(relative);
        assumeTrue(Files.exists(path), () -> "needs " + path + ", which is absent");
        return path;
    }

    /** The default model's GGUF file. */
    public static Path defaultModel() {
        var model = System.getProperty("chasqui.testModel", "");
        assumeTrue(
                !model.isEmpty(),
                "needs the default model: set -Dchasqui.testModel to its GGUF file");
        assumeTrue(Files.exists(Path.of(model)), () -> "needs " + model + ", which is absent");
        return Path.of(model);
    }
}
