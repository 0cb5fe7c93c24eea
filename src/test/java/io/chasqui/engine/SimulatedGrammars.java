package io.chasqui.engine;

import io.chasqui.grammar.Grammar;
import io.chasqui.grammar.GrammarCompiler;
import io.chasqui.grammar.GrammarLimits;
import io.chasqui.grammar.GrammarSpec;
import io.chasqui.grammar.GrammarVocabulary;
import io.chasqui.grammar.SchemaOptions;
import io.chasqui.testing.ByteTokenizer;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/** Grammars of a {@link Simulation}: free text, forced text, and both in turn. */
final class SimulatedGrammars {
    private static final int END = 256;

    private static final List<Grammar> ALL = compile();

    private SimulatedGrammars() {}

    private static List<Grammar> compile() {
        var compiler =
                new GrammarCompiler(
                        new GrammarVocabulary(new ByteTokenizer("<end>"), END),
                        GrammarLimits.DEFAULT);
        return Stream.of(
                        new GrammarSpec.Choice(List.of("abcabcabcabc", "abacus", "ba", "bacca")),
                        new GrammarSpec.Choice(List.of("ab".repeat(40))),
                        new GrammarSpec.Regex("(ab{3}c|ba[ab]{2}cacacaca)*"),
                        new GrammarSpec.Regex("é{3}(a|b)(éa){9}b*"),
                        new GrammarSpec.Regex("[a-c]+"),
                        new GrammarSpec.JsonSchema(
                                "{\"properties\":{\"ab\":{\"type\":\"string\",\"maxLength\":5},"
                                        + "\"cab\":{\"enum\":[\"ab\",\"ba\",true]}},"
                                        + "\"required\":[\"ab\",\"cab\"]}",
                                SchemaOptions.DEFAULT))
                .map(compiler::compile)
                .toList();
    }

    static Grammar any(SplittableRandom random) {
        return ALL.get(random.nextInt(ALL.size()));
    }
}
