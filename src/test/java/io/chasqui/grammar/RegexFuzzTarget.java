package io.chasqui.grammar;

import java.nio.charset.StandardCharsets;

/** Any text as a regular expression. */
public final class RegexFuzzTarget {
    private RegexFuzzTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        var text = new String(input, StandardCharsets.UTF_8);
        GrammarWalk.check(new GrammarSpec.Regex(text));
    }
}
