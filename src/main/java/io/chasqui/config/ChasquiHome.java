package io.chasqui.config;

import java.nio.file.Path;

/** The folder that keeps models and keys: {@code CHASQUI_HOME}, or {@code ~/.cache/chasqui}. */
public final class ChasquiHome {
    private ChasquiHome() {}

    public static Path path() {
        var home = System.getenv("CHASQUI_HOME");
        return home == null || home.isBlank()
                ? Path.of(System.getProperty("user.home"), ".cache", "chasqui")
                : Path.of(home).toAbsolutePath();
    }

    /** The API key file that is used when no other is named. */
    public static Path keyFile() {
        return path().resolve("keys");
    }
}
