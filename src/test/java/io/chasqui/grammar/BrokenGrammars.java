package io.chasqui.grammar;

import io.chasqui.testing.ByteTokenizer;
import java.util.Arrays;
import java.util.List;

/**
 * Grammars of any text that throw, as a grammar engine with a mistake would: their automaton leads
 * to a state that it does not have.
 */
public final class BrokenGrammars {
    /** The only end token of the vocabulary. */
    public static final int END = 256;

    private static final GrammarVocabulary VOCABULARY =
            new GrammarVocabulary(new ByteTokenizer("<end>"), END);

    /** Bytes below are sound everywhere, so that it takes one of the others to see the mistake. */
    private static final int FIRST_BROKEN_BYTE = 3;

    private static final int CLASSES = 2;
    private static final int NOWHERE = 1 << 20;

    private BrokenGrammars() {}

    /** The same without a mistake. */
    public static Grammar whole() {
        return grammar(anyText(0));
    }

    /** One that throws when it is asked for its mask after {@code at} tokens. */
    public static Grammar inMask(int at) {
        var rule = anyText(at);
        breakAt(rule, at);
        return grammar(rule);
    }

    /** One that gives its mask after {@code at} tokens, and throws when it is to take the next. */
    public static Grammar inAdvance(int at) {
        var rule = anyText(at);
        var space = grammar(rule).space();
        for (int state = 0; state <= at; state++) {
            VOCABULARY.mask(rule, state, space);
        }
        breakAt(rule, at);
        return grammar(rule);
    }

    /** Any bytes, counted up to {@code at}. */
    private static Rule anyText(int at) {
        var classOf = new int[256];
        Arrays.fill(classOf, FIRST_BROKEN_BYTE, classOf.length, 1);
        var next = new int[(at + 1) * CLASSES];
        Arrays.setAll(next, i -> Math.min(i / CLASSES + 1, at));
        var accepts = new boolean[at + 1];
        Arrays.fill(accepts, true);
        var rule = new Rule("any text");
        rule.define(classOf, next, accepts, List.of());
        RuleLinker.link(rule, new CompileBudget(GrammarLimits.DEFAULT));
        return rule;
    }

    private static void breakAt(Rule rule, int at) {
        rule.rows()[at * CLASSES + 1] = NOWHERE;
    }

    private static Grammar grammar(Rule rule) {
        return new Grammar(rule, VOCABULARY, GrammarLimits.DEFAULT, List.of());
    }
}
