package io.chasqui.tokenizer;

import io.chasqui.loader.ModelFormatException;
import io.chasqui.testing.InputFile;
import java.io.IOException;

/** Any bytes as a tokenizer.model. */
public final class TokenizerModelFuzzTarget {
    private static final InputFile FILE = new InputFile("tokenizer.model");

    private TokenizerModelFuzzTarget() {}

    public static void fuzzerTestOneInput(byte[] input) throws IOException {
        try {
            TokenizerCheck.check(TokenizerLoader.fromTokenizerModel(FILE.write(input)));
        } catch (ModelFormatException e) {
            InputFile.checkMessage(e);
        }
    }
}
