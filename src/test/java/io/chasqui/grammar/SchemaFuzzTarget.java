package io.chasqui.grammar;

import java.nio.charset.StandardCharsets;

/** Any text as a JSON Schema, enforced as far as possible and strictly. */
public final class SchemaFuzzTarget {
    private SchemaFuzzTarget() {}

    public static void fuzzerTestOneInput(byte[] input) {
        var text = new String(input, StandardCharsets.UTF_8);
        GrammarWalk.check(new GrammarSpec.JsonSchema(text, SchemaOptions.DEFAULT));
        GrammarWalk.check(new GrammarSpec.JsonSchema(text, SchemaOptions.DEFAULT.withStrict(true)));
    }
}
