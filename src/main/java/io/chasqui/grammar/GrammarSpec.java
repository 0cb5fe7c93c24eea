package io.chasqui.grammar;

import java.util.List;

/** What an answer must be, as a request says it. Equal ones compile to equal grammars. */
public sealed interface GrammarSpec {

    /** Any JSON object. */
    record JsonObject(JsonStyle style) implements GrammarSpec {}

    /**
     * JSON that a schema describes.
     *
     * @param schema the schema's text, draft 2020-12
     */
    record JsonSchema(String schema, SchemaOptions options) implements GrammarSpec {}

    /** Text that, as a whole, matches a regular expression in ECMAScript's syntax. */
    record Regex(String pattern) implements GrammarSpec {}

    /** One of these texts. */
    record Choice(List<String> texts) implements GrammarSpec {
        public Choice {
            texts = List.copyOf(texts);
        }
    }

    /** Text derived from the rule {@code root} of a grammar in llama.cpp's GBNF syntax. */
    record Gbnf(String grammar) implements GrammarSpec {}

    /** One after the other. */
    record Sequence(List<GrammarSpec> parts) implements GrammarSpec {
        public Sequence {
            parts = List.copyOf(parts);
        }
    }

    /** One of several. */
    record AnyOf(List<GrammarSpec> alternatives) implements GrammarSpec {
        public AnyOf {
            alternatives = List.copyOf(alternatives);
        }
    }

    /**
     * Any text up to, and with, the first of the openings in it and what then has to follow; or any
     * text without one.
     */
    record FreeText(List<Opening> openings) implements GrammarSpec {
        public FreeText {
            openings = List.copyOf(openings);
        }
    }

    /**
     * Text that ends free text.
     *
     * @param text not the beginning of another opening's; may be {@link GrammarVocabulary#MARKER}
     * @param first whether it is one only at the very beginning
     * @param then what has to follow
     */
    record Opening(String text, boolean first, GrammarSpec then) {}

    /**
     * {@code min} to {@code max} times.
     *
     * @param separator between two of them; may be empty
     */
    record Repeat(GrammarSpec part, String separator, int min, int max) implements GrammarSpec {}
}
