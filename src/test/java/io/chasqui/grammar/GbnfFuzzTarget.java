package io.chasqui.grammar;

import java.nio.charset.StandardCharsets;

/** Any text as a grammar in GBNF. */
public final class GbnfFuzzTarget {
    private GbnfFuzzTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        var text = new String(input, StandardCharsets.UTF_8);
        GrammarWalk.check(new GrammarSpec.Gbnf(text));
    }
}
