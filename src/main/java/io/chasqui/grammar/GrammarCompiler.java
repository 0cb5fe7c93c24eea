package io.chasqui.grammar;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Makes grammars for one vocabulary. Safe for use by many threads; compiling can be interrupted.
 */
public final class GrammarCompiler {
    private static final Duration PREPARATION = Duration.ofMillis(50);

    private final GrammarVocabulary vocabulary;
    private final GrammarLimits limits;

    /** Takes a while, since it prepares what all grammars for JSON share. */
    public GrammarCompiler(GrammarVocabulary vocabulary, GrammarLimits limits) {
        this.vocabulary = vocabulary;
        this.limits = limits;
        compile(new GrammarSpec.JsonSchema("true", SchemaOptions.DEFAULT));
    }

    /**
     * @throws GrammarException if the source is malformed, cannot be enforced as asked, or exceeds
     *     a limit
     */
    public Grammar compile(GrammarSpec spec) {
        var compilation = new Compilation();
        var root = compilation.rule(spec);
        RuleLinker.link(root, compilation.budget);
        var grammar = new Grammar(root, vocabulary, limits, compilation.notEnforced);
        if (grammar.isTooDeep()) {
            throw new GrammarException(
                    "even the shortest text nests deeper than the "
                            + limits.stackDepth()
                            + " levels that are followed");
        }
        grammar.prepare(PREPARATION);
        return grammar;
    }

    private final class Compilation {
        private final CompileBudget budget = new CompileBudget(limits);
        private final List<String> notEnforced = new ArrayList<>();
        private final Map<GrammarSpec, Rule> rules = new HashMap<>();
        private int depth;

        /** Equal parts share a rule. */
        private Rule rule(GrammarSpec spec) {
            var known = rules.get(spec);
            if (known == null) {
                known = make(spec);
                rules.put(spec, known);
            }
            return known;
        }

        private Rule make(GrammarSpec spec) {
            return switch (spec) {
                case GrammarSpec.JsonObject o -> JsonRules.of(o.style()).object;
                case GrammarSpec.JsonSchema s -> schema(s);
                case GrammarSpec.Regex r ->
                        RegexParser.parse(r.pattern(), budget)
                                .wholeText(TextEncoding.UTF_8, budget)
                                .rule();
                case GrammarSpec.FreeText f -> FreeText.rule(f.openings(), this::rule, budget);
                case GrammarSpec.Gbnf g -> GbnfParser.parse(g.grammar(), budget);
                default -> composed(spec);
            };
        }

        private Rule schema(GrammarSpec.JsonSchema spec) {
            var document = new SchemaDocument(JsonText.read(spec.schema(), limits), budget);
            var compiler = new SchemaCompiler(document, spec.options(), budget);
            var rule = compiler.compile();
            notEnforced.addAll(compiler.notEnforced());
            return rule;
        }

        private Rule composed(GrammarSpec spec) {
            var rule = new Rule("the grammar");
            var nfa = new Nfa(budget);
            add(spec, nfa, nfa.start, nfa.end);
            Determinizer.define(rule, nfa);
            return rule;
        }

        private void add(GrammarSpec spec, Nfa nfa, int from, int to) {
            budget.checkNesting(++depth, "the grammar");
            switch (spec) {
                case GrammarSpec.Choice c -> c.texts().forEach(t -> literal(nfa, from, t, to));
                case GrammarSpec.Sequence s -> sequence(s.parts(), nfa, from, to);
                case GrammarSpec.AnyOf a ->
                        a.alternatives().forEach(part -> add(part, nfa, from, to));
                case GrammarSpec.Repeat r -> repeat(r, nfa, from, to);
                default -> nfa.call(from, rule(spec), to);
            }
            depth--;
        }

        private void literal(Nfa nfa, int from, String text, int to) {
            nfa.literal(from, GrammarVocabulary.utf8(text), to);
        }

        private void sequence(List<GrammarSpec> parts, Nfa nfa, int from, int to) {
            int at = from;
            for (var part : parts) {
                int next = nfa.state();
                add(part, nfa, at, next);
                at = next;
            }
            nfa.epsilon(at, to);
        }

        private void repeat(GrammarSpec.Repeat repeat, Nfa nfa, int from, int to) {
            var part = rule(repeat.part());
            int explicit = repeat.max() == Integer.MAX_VALUE ? repeat.min() : repeat.max();
            int at = from;
            if (repeat.min() == 0) {
                nfa.epsilon(from, to);
            }
            for (int i = 1; i <= Math.max(1, explicit); i++) {
                int after = nfa.state();
                nfa.call(at, part, after);
                if (i >= repeat.min()) {
                    nfa.epsilon(after, to);
                }
                at = nfa.state();
                literal(nfa, after, repeat.separator(), at);
                if (i == Math.max(1, explicit) && repeat.max() == Integer.MAX_VALUE) {
                    nfa.call(at, part, after);
                }
            }
        }
    }
}
