package io.chasqui.model;

import io.chasqui.loader.ModelFormatException;
import io.chasqui.testing.InputFile;

/** Any bytes as the config.json of a model's folder. */
public final class ConfigJsonFuzzTarget {
    private static final InputFile FILE = new InputFile("config.json");

    private ConfigJsonFuzzTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        FILE.write(input);
        try {
            Checkpoint.config(FILE.folder());
        } catch (ModelFormatException e) {
            InputFile.checkMessage(e);
        }
    }
}
