package io.chasqui.grammar;

import java.nio.charset.StandardCharsets;

/** Rules for JSON of any shape. They are the same objects in all grammars, so they share masks. */
final class JsonRules {
    /** Any number whose digits are within bounds that every parser and every double can take. */
    static final String NUMBER_SYNTAX =
            "-?(0|[1-9][0-9]{0,39})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?";

    static final String INTEGER_SYNTAX = "-?(0|[1-9][0-9]{0,39})";

    private static final JsonRules COMPACT = new JsonRules(JsonStyle.COMPACT);
    private static final JsonRules SPACED = new JsonRules(JsonStyle.SPACED);

    /** Opening and closing quote included; any valid escape. */
    final Rule string = new Rule("a string");

    final Rule number = new Rule("a number");
    final Rule integer = new Rule("an integer");
    final Rule object = new Rule("an object");
    final Rule array = new Rule("an array");
    final Rule value = new Rule("a value");

    private final CompileBudget budget = new CompileBudget(GrammarLimits.DEFAULT);

    static JsonRules of(JsonStyle style) {
        return style == JsonStyle.COMPACT ? COMPACT : SPACED;
    }

    private JsonRules(JsonStyle style) {
        defineRegex(string, '"' + FREE_CHARACTERS + '"');
        defineRegex(number, NUMBER_SYNTAX);
        defineRegex(integer, INTEGER_SYNTAX);
        defineArray(style);
        defineObject(style);
        defineValue();
        RuleLinker.link(value, budget);
        RuleLinker.link(integer, budget);
    }

    private static final String FREE_CHARACTERS =
            "([^\"\\\\\\u0000-\\u001f]"
                    + "|\\\\[\"\\\\/bfnrt]"
                    + "|\\\\u([0-9a-ce-fA-CE-F][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2})"
                    + "|\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2})*";

    private void defineRegex(Rule rule, String source) {
        var nfa = new Nfa(budget);
        RegexParser.plain(source).addTo(nfa, TextEncoding.UTF_8, nfa.start, nfa.end);
        Determinizer.define(rule, nfa);
    }

    private void defineArray(JsonStyle style) {
        var nfa = new Nfa(budget);
        int open = nfa.state();
        int element = nfa.state();
        int after = nfa.state();
        nfa.bytes(nfa.start, '[', '[', open);
        nfa.bytes(open, ']', ']', nfa.end);
        nfa.epsilon(open, element);
        nfa.call(element, value, after);
        nfa.literal(after, style.itemSeparator(), element);
        nfa.bytes(after, ']', ']', nfa.end);
        Determinizer.define(array, nfa);
    }

    private void defineObject(JsonStyle style) {
        var nfa = new Nfa(budget);
        int open = nfa.state();
        int member = nfa.state();
        int key = nfa.state();
        int colon = nfa.state();
        int after = nfa.state();
        nfa.bytes(nfa.start, '{', '{', open);
        nfa.bytes(open, '}', '}', nfa.end);
        nfa.epsilon(open, member);
        nfa.call(member, string, key);
        nfa.literal(key, style.keySeparator(), colon);
        nfa.call(colon, value, after);
        nfa.literal(after, style.itemSeparator(), member);
        nfa.bytes(after, '}', '}', nfa.end);
        Determinizer.define(object, nfa);
    }

    private void defineValue() {
        var nfa = new Nfa(budget);
        for (var rule : new Rule[] {string, number, object, array}) {
            nfa.call(nfa.start, rule, nfa.end);
        }
        for (var literal : new String[] {"true", "false", "null"}) {
            nfa.literal(nfa.start, literal.getBytes(StandardCharsets.UTF_8), nfa.end);
        }
        Determinizer.define(value, nfa);
    }
}
