package io.chasqui.model;

import io.chasqui.loader.GgufFile;
import io.chasqui.loader.ModelFormatException;
import io.chasqui.testing.InputFile;
import io.chasqui.tokenizer.TokenizerCheck;
import io.chasqui.tokenizer.TokenizerLoader;

/** Any bytes as a GGUF file: header, tokenizer, configuration and weights. */
public final class GgufFuzzTarget {
    private static final InputFile FILE = new InputFile("input.gguf");

    private GgufFuzzTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        var path = FILE.write(input);
        try (var file = GgufFile.open(path)) {
            file.tensors().values().forEach(WeightReading::touch);
            TokenizerCheck.check(TokenizerLoader.fromGguf(file.metadata()));
        } catch (ModelFormatException e) {
            InputFile.checkMessage(e);
        }
        try (var checkpoint = Checkpoint.open(path)) {
            WeightReading.readAll(checkpoint);
        } catch (ModelFormatException e) {
            InputFile.checkMessage(e);
        }
    }
}
