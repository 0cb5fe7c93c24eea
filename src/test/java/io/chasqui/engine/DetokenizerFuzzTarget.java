package io.chasqui.engine;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Any bytes, cut into tokens anywhere: what comes piece by piece is the text of all of them. The
 * first byte says how they are cut.
 */
public final class DetokenizerFuzzTarget {
    private DetokenizerFuzzTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        if (input.length == 0) {
            return;
        }
        var bytes = Arrays.copyOfRange(input, 1, input.length);
        var tokens = new CutTokenizer(bytes, input[0]);
        var detokenizer = new IncrementalDetokenizer(tokens);
        var text = new StringBuilder();
        for (int token = 0; token < tokens.vocabSize(); token++) {
            text.append(detokenizer.append(token));
        }
        text.append(detokenizer.flush());
        var whole = new String(bytes, StandardCharsets.UTF_8);
        if (!whole.contentEquals(text)) {
            throw new AssertionError("'" + text + "' instead of '" + whole + "'");
        }
    }
}
