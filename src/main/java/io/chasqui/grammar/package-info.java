/**
 * What an answer may be: a JSON Schema, a regular expression, a list of choices or a GBNF grammar
 * becomes one byte-level pushdown automaton ({@link io.chasqui.grammar.Rule}), which a {@link
 * io.chasqui.grammar.GrammarMatcher} runs beside a sequence to say, as a bit set over the
 * vocabulary, which tokens may come next.
 */
package io.chasqui.grammar;
