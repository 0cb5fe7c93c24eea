package io.chasqui.model;

import io.chasqui.loader.ModelFormatException;
import io.chasqui.loader.SafetensorsFile;
import io.chasqui.testing.InputFile;

/** Any bytes as a safetensors file, and as that of a tiny Llama's folder. */
public final class SafetensorsFuzzTarget {
    private static final InputFile FILE = new InputFile("model.safetensors");

    static {
        TinyModels.huggingFace(FILE.folder(), false, config -> {});
    }

    private SafetensorsFuzzTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        var path = FILE.write(input);
        try (var file = SafetensorsFile.open(path)) {
            file.tensors().values().forEach(WeightReading::touch);
        } catch (ModelFormatException e) {
            InputFile.checkMessage(e);
        }
        try (var checkpoint = Checkpoint.open(FILE.folder())) {
            WeightReading.readAll(checkpoint);
        } catch (ModelFormatException e) {
            InputFile.checkMessage(e);
        }
    }
}
