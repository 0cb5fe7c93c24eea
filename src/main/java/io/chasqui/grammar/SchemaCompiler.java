package io.chasqui.grammar;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Makes the rules of a schema. Schemas within schemas become part of the rule around them; those
 * that are referred to, or hold together with others, become rules of their own, so that recursion
 * ends and nothing is written out twice.
 */
final class SchemaCompiler {
    private final SchemaReader reader;
    private final SchemaDocument document;
    private final CompileBudget budget;
    private final JsonStyle style;
    private final JsonRules json;
    private final Strings strings;
    private final SchemaValues values;
    private final NumberCompiler numbers;
    private final Map<Set<Subschema>, Rule> rules = new HashMap<>();
    private final Deque<Set<Subschema>> undefined = new ArrayDeque<>();
    private final Map<Language, Rule> stringRules = new IdentityHashMap<>();
    private int depth;

    SchemaCompiler(SchemaDocument document, SchemaOptions options, CompileBudget budget) {
        this.document = document;
        this.budget = budget;
        this.style = options.style();
        this.json = JsonRules.of(style);
        this.reader = new SchemaReader(document, options, budget);
        this.strings = new Strings(budget);
        this.values = new SchemaValues(reader);
        this.numbers = new NumberCompiler(json, budget);
    }

    /**
     * @throws GrammarException if the schema is malformed, nothing satisfies it, or it cannot be
     *     enforced as asked
     */
    Rule compile() {
        var root = rule(List.of(document.root()));
        while (!undefined.isEmpty()) {
            var schemas = undefined.poll();
            var nfa = new Nfa(budget);
            addAlternatives(List.copyOf(schemas), nfa, nfa.start, nfa.end);
            Determinizer.define(rules.get(schemas), nfa);
        }
        return root;
    }

    Set<String> notEnforced() {
        return reader.notEnforced();
    }

    SchemaReader reader() {
        return reader;
    }

    CompileBudget budget() {
        return budget;
    }

    JsonStyle style() {
        return style;
    }

    JsonRules json() {
        return json;
    }

    Strings strings() {
        return strings;
    }

    /** The rule for values that satisfy all these schemas. */
    Rule rule(List<Subschema> schemas) {
        if (schemas.isEmpty()) {
            return json.value;
        }
        var key = new LinkedHashSet<>(schemas);
        var known = rules.get(key);
        if (known == null) {
            var first = schemas.getFirst();
            known = new Rule("the schema at " + first.place());
            rules.put(key, known);
            undefined.add(key);
        }
        return known;
    }

    /** Lets any value that satisfies all these schemas lead from one state to the other. */
    void add(List<Subschema> schemas, Nfa nfa, int from, int to) {
        if (schemas.size() != 1) {
            nfa.call(from, rule(schemas), to);
            return;
        }
        var schema = schemas.getFirst();
        if (schema.node().isBoolean()) {
            if (schema.node().booleanValue()) {
                nfa.call(from, json.value, to);
            }
        } else {
            budget.checkNesting(++depth, "the schema");
            addAlternatives(schemas, nfa, from, to);
            depth--;
        }
    }

    private void addAlternatives(List<Subschema> schemas, Nfa nfa, int from, int to) {
        var first = schemas.getFirst();
        if (schemas.size() == 1 && first.saysOnly("$ref")) {
            nfa.call(from, rule(List.of(document.resolve(first))), to);
            return;
        }
        for (var keyword : List.of("anyOf", "oneOf")) {
            if (schemas.size() == 1 && first.saysOnly(keyword)) {
                for (var branch : reader.branches(first, keyword)) {
                    add(List.of(branch), nfa, from, to);
                }
                return;
            }
        }
        for (var constraints : reader.alternatives(schemas)) {
            add(constraints, nfa, from, to);
        }
    }

    private void add(Constraints constraints, Nfa nfa, int from, int to) {
        if (constraints.anyValue()) {
            nfa.call(from, json.value, to);
            return;
        }
        if (constraints.values != null) {
            for (var value : constraints.values) {
                if (values.satisfyRest(constraints, value)) {
                    nfa.literal(from, JsonText.canonical(value, style), to);
                }
            }
            return;
        }
        for (var type : constraints.types) {
            switch (type) {
                case NULL -> addLiteral(constraints, "null", nfa, from, to);
                case BOOLEAN -> {
                    addLiteral(constraints, "true", nfa, from, to);
                    addLiteral(constraints, "false", nfa, from, to);
                }
                case STRING -> nfa.call(from, string(constraints), to);
                case INTEGER, FRACTION -> {
                    // Both at once, below.
                }
                case ARRAY -> new ArrayCompiler(this, constraints).add(nfa, from, to);
                case OBJECT -> new ObjectCompiler(this, constraints).add(nfa, from, to);
            }
        }
        numbers.add(constraints, nfa, from, to);
    }

    private static void addLiteral(
            Constraints constraints, String literal, Nfa nfa, int from, int to) {
        if (constraints.excludedValues.stream().noneMatch(v -> v.toString().equals(literal))) {
            nfa.literal(from, literal.getBytes(StandardCharsets.US_ASCII), to);
        }
    }

    private Rule string(Constraints constraints) {
        if (constraints.anyString()) {
            return json.string;
        }
        return stringRules.computeIfAbsent(
                strings.of(constraints), content -> content.quoted("a string"));
    }
}
