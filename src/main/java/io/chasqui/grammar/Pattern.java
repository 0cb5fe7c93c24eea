package io.chasqui.grammar;

import java.util.List;

/**
 * A regular expression that was read.
 *
 * @param lookaheads conditions on the text from its beginning on
 */
record Pattern(Anchored main, List<Lookahead> lookaheads) {
    /**
     * @param positive whether the text must begin with the body, or must not
     */
    record Lookahead(Anchored body, boolean positive) {}

    /** The texts that match from beginning to end. */
    Language wholeText(TextEncoding encoding, CompileBudget budget) {
        return restricted(Language.of(main.wholeText(), encoding, budget), encoding, budget);
    }

    /** The texts in which there is a match. */
    Language search(TextEncoding encoding, CompileBudget budget) {
        return restricted(Language.of(main.search(), encoding, budget), encoding, budget);
    }

    /** For expressions without look-ahead. */
    Expression wholeText() {
        return main.wholeText();
    }

    private Language restricted(Language base, TextEncoding encoding, CompileBudget budget) {
        var result = base;
        for (var lookahead : lookaheads) {
            var texts = Language.of(lookahead.body().prefix(), encoding, budget);
            result = lookahead.positive() ? result.and(texts) : result.without(texts);
        }
        return result;
    }
}
