package io.chasqui.tokenizer;

import io.chasqui.loader.ModelFormatException;
import io.chasqui.testing.InputFile;
import java.io.IOException;

/** Any bytes as a tokenizer.json. */
public final class TokenizerJsonFuzzTarget {
    private static final InputFile FILE = new InputFile("tokenizer.json");

    private TokenizerJsonFuzzTarget() {}

    public static void fuzzerTestOneInput(byte[] input) throws IOException {
        try {
            TokenizerCheck.check(TokenizerLoader.fromTokenizerJson(FILE.write(input)));
        } catch (ModelFormatException e) {
            InputFile.checkMessage(e);
        }
    }
}
