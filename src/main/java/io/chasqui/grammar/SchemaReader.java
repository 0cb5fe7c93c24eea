package io.chasqui.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Reads the keywords of schemas into constraints without alternatives. */
final class SchemaReader {
    private static final int MAX_COMBINATIONS = 2_000;

    /** Elements of constraints that exist at a time, in all combinations together. */
    private static final int MAX_COPIED = 1 << 20;

    /** All keywords that {@link #read} takes note of. */
    static final Set<String> KEYWORDS =
            Set.of(
                    "type",
                    "enum",
                    "const",
                    Negation.NOT_ENUM,
                    "allOf",
                    "anyOf",
                    "oneOf",
                    "$ref",
                    "not",
                    "if",
                    "dependentRequired",
                    "dependentSchemas",
                    "dependencies",
                    "minimum",
                    "exclusiveMinimum",
                    "maximum",
                    "exclusiveMaximum",
                    "multipleOf",
                    "minLength",
                    "maxLength",
                    "pattern",
                    Negation.NOT_PATTERN,
                    "format",
                    "items",
                    "prefixItems",
                    "additionalItems",
                    "minItems",
                    "maxItems",
                    "properties",
                    "patternProperties",
                    "additionalProperties",
                    "required",
                    "propertyNames",
                    "minProperties",
                    "maxProperties",
                    "uniqueItems",
                    "contains",
                    "unevaluatedProperties",
                    "unevaluatedItems",
                    "$dynamicRef",
                    "$recursiveRef");

    private final SchemaDocument document;
    private final SchemaOptions options;
    private final CompileBudget budget;
    private final Set<String> notEnforced = new LinkedHashSet<>();

    /** The schema that is being read, and those that led to it. */
    private final Deque<Subschema> path = new ArrayDeque<>();

    private final boolean checksOverlap;
    private final Set<Subschema> checkedForOverlap = new HashSet<>();

    SchemaReader(SchemaDocument document, SchemaOptions options, CompileBudget budget) {
        this(document, options, budget, true);
    }

    private SchemaReader(
            SchemaDocument document,
            SchemaOptions options,
            CompileBudget budget,
            boolean checksOverlap) {
        this.document = document;
        this.options = options;
        this.budget = budget;
        this.checksOverlap = checksOverlap;
    }

    Set<String> notEnforced() {
        return notEnforced;
    }

    SchemaOptions options() {
        return options;
    }

    CompileBudget budget() {
        return budget;
    }

    /** A reader that takes nothing for granted, and {@code oneOf} for {@code anyOf}. */
    private SchemaReader literally() {
        var literal = new SchemaOptions(false, SchemaOptions.Reading.LITERAL, options.style());
        return new SchemaReader(document, literal, budget, false);
    }

    /** A keyword that no automaton of reasonable size can check. */
    void cannotEnforce(Subschema schema, String keyword) {
        if (options.strict()) {
            throw schema.error(
                    keyword, "cannot be enforced; leave it out, or do not ask for strict");
        }
        notEnforced.add(schema.place(keyword));
    }

    /**
     * What satisfies all the schemas, as alternatives; none if nothing does.
     *
     * @throws GrammarException if a keyword is malformed, or cannot be enforced though it must
     */
    List<Constraints> alternatives(List<Subschema> schemas) {
        var all = new Constraints();
        for (var schema : schemas) {
            merge(all, schema);
        }
        var result = new ArrayList<Constraints>();
        new Expansion(result).expand(all, 0);
        return result;
    }

    /** Takes each choice of some constraints in turn. */
    private final class Expansion {
        private final List<Constraints> result;
        private int copied;

        Expansion(List<Constraints> result) {
            this.result = result;
        }

        void expand(Constraints constraints, int depth) {
            budget.work(64);
            budget.checkNesting(depth, "a chain of references and alternatives");
            if (constraints.isImpossible()) {
                return;
            }
            if (constraints.choices.isEmpty()) {
                if (result.size() == MAX_COMBINATIONS) {
                    throw tooMany("than " + MAX_COMBINATIONS + " ways");
                }
                result.add(constraints);
                return;
            }
            var choice = constraints.choices.removeFirst();
            for (var alternative : choice) {
                copied += constraints.size();
                if (copied > MAX_COPIED) {
                    throw tooMany("ways than there is memory for");
                }
                budget.work(constraints.size());
                var copy = constraints.copy();
                merge(copy, alternative);
                expand(copy, depth + 1);
            }
        }

        private GrammarException tooMany(String than) {
            return new GrammarException("the schema combines anyOf and the like in more " + than);
        }
    }

    private void merge(Constraints into, Subschema schema) {
        if (!into.merged.add(schema)) {
            return;
        }
        budget.work(32);
        budget.checkNesting(path.size(), "a chain of references and allOf");
        var node = schema.node();
        if (node.isBoolean()) {
            if (!node.booleanValue()) {
                into.types.clear();
            }
            return;
        }
        if (!node.isObject()) {
            throw schema.error("schema", "must be an object or a boolean");
        }
        path.push(schema);
        for (var keyword : node.properties()) {
            read(into, schema, keyword.getKey(), keyword.getValue());
        }
        path.pop();
        if (options.reading() == SchemaOptions.Reading.INTENDED) {
            into.restrictTypes(TypeInference.types(node));
        }
    }

    private void read(Constraints into, Subschema schema, String keyword, JsonNode value) {
        switch (keyword) {
            case "type" -> into.restrictTypes(types(schema, value));
            case "enum" -> restrictValues(into, elements(schema, keyword));
            case "const" -> restrictValues(into, List.of(value));
            case Negation.NOT_ENUM -> value.forEach(into.excludedValues::add);
            case "allOf" -> children(schema, keyword).forEach(child -> merge(into, child));
            case "anyOf", "oneOf" -> into.choices.add(branches(schema, keyword));
            case "$ref" -> readReference(into, schema);
            case "not" -> readNot(into, schema);
            case "if" -> readIf(into, schema);
            case "dependentRequired", "dependentSchemas", "dependencies" ->
                    readDependencies(into, schema, keyword);
            case "minimum" -> into.atLeast(number(schema, keyword), false);
            case "exclusiveMinimum" -> into.atLeast(number(schema, keyword), true);
            case "maximum" -> into.atMost(number(schema, keyword), false);
            case "exclusiveMaximum" -> into.atMost(number(schema, keyword), true);
            case "multipleOf" -> readMultipleOf(into, schema);
            case "minLength", "maxLength", "pattern", Negation.NOT_PATTERN, "format" ->
                    readString(into, schema, keyword);
            case "items", "prefixItems", "additionalItems" -> addPart(into.arrayParts, schema);
            case "minItems" -> into.minItems = Math.max(into.minItems, count(schema, keyword));
            case "maxItems" -> into.maxItems = Math.min(into.maxItems, count(schema, keyword));
            case "properties", "patternProperties", "additionalProperties" -> {
                if (!keyword.equals("additionalProperties") && !value.isObject()) {
                    throw schema.error(keyword, "must be an object");
                }
                addPart(into.objectParts, schema);
            }
            case "required" -> into.required.addAll(strings(schema, value, keyword));
            case "propertyNames" -> into.propertyNames.add(schema.child(keyword));
            case "minProperties" ->
                    into.minProperties = Math.max(into.minProperties, count(schema, keyword));
            case "maxProperties" ->
                    into.maxProperties = Math.min(into.maxProperties, count(schema, keyword));
            case "uniqueItems" -> {
                if (value.asBoolean()) {
                    cannotEnforce(schema, keyword);
                }
            }
            case "unevaluatedProperties" -> readRest(into.objectParts, schema, keyword);
            case "unevaluatedItems" -> readRest(into.arrayParts, schema, keyword);
            case "contains", "$dynamicRef", "$recursiveRef" -> cannotEnforce(schema, keyword);
            default -> {
                // Annotations; then, else, minContains and maxContains, which belong to others;
                // and what is no keyword at all.
            }
        }
    }

    private static void addPart(List<Subschema> parts, Subschema schema) {
        if (!parts.contains(schema)) {
            parts.add(schema);
        }
    }

    /** Where no other schema could have evaluated the rest, it is what is left over. */
    private void readRest(List<Subschema> parts, Subschema schema, String keyword) {
        if (schema.appliesOthers()) {
            cannotEnforce(schema, keyword);
        } else {
            addPart(parts, schema);
        }
    }

    private Set<JsonType> types(Subschema schema, JsonNode value) {
        var types = new HashSet<JsonType>();
        for (var name :
                value.isArray() ? strings(schema, value, "type") : List.of(value.asText())) {
            var named = JsonType.named(name);
            if (named == null) {
                throw schema.error("type", "\"" + name + "\" is not a type");
            }
            types.addAll(named);
        }
        if (options.reading() == SchemaOptions.Reading.INTENDED
                && schema.node().path("nullable").asBoolean()) {
            types.add(JsonType.NULL);
        }
        return types;
    }

    private void restrictValues(Constraints into, List<JsonNode> values) {
        if (into.values == null) {
            into.values = values;
        } else {
            into.values = into.values.stream().filter(v -> isAmong(values, v)).toList();
        }
    }

    private boolean isAmong(List<JsonNode> values, JsonNode value) {
        budget.work(values.size());
        return values.stream().anyMatch(v -> SchemaValues.equal(v, value));
    }

    /** Alternatives of {@code anyOf} or {@code oneOf}; the latter's should exclude each other. */
    List<Subschema> branches(Subschema schema, String keyword) {
        var branches = children(schema, keyword);
        if (keyword.equals("oneOf")
                && checksOverlap
                && checkedForOverlap.add(schema)
                && !new Overlap(literally()).isNone(branches)) {
            cannotEnforce(schema, "oneOf");
        }
        return branches;
    }

    private void readReference(Constraints into, Subschema schema) {
        var target = document.resolve(schema);
        if (path.contains(target)) {
            throw schema.error("$ref", "leads back to itself");
        }
        merge(into, target);
    }

    private void readNot(Constraints into, Subschema schema) {
        checkSchema(schema, "not");
        var negated = Negation.of(schema.node().get("not"));
        if (negated == null) {
            cannotEnforce(schema, "not");
        } else {
            merge(into, synthetic(schema, "not", negated));
        }
    }

    private static void checkSchema(Subschema schema, String keyword) {
        var value = schema.node().get(keyword);
        if (!value.isObject() && !value.isBoolean()) {
            throw schema.error(keyword, "must be a schema");
        }
    }

    private void readIf(Constraints into, Subschema schema) {
        checkSchema(schema, "if");
        var node = schema.node();
        if (!node.has("then") && !node.has("else")) {
            return;
        }
        var negated = Negation.of(node.get("if"));
        if (negated == null) {
            cannotEnforce(schema, "if");
            return;
        }
        var holds = Negation.allOf(node.get("if"), node.get("then"));
        var fails = Negation.allOf(negated, node.get("else"));
        into.choices.add(List.of(synthetic(schema, "if", holds), synthetic(schema, "else", fails)));
    }

    private void readDependencies(Constraints into, Subschema schema, String keyword) {
        if (!schema.node().get(keyword).isObject()) {
            throw schema.error(keyword, "must be an object");
        }
        for (var dependency : schema.node().get(keyword).properties()) {
            var name = dependency.getKey();
            var place = keyword + "/" + Subschema.escape(name);
            var consequence = Negation.present(name, dependency.getValue());
            into.choices.add(
                    List.of(
                            synthetic(schema, place + "/absent", Negation.absent(name)),
                            synthetic(schema, place + "/present", consequence)));
        }
    }

    /** A schema that says in other words what a keyword says. */
    private static Subschema synthetic(Subschema schema, String keyword, JsonNode node) {
        return new Subschema(node, schema.pointer() + "/" + keyword + "!", schema.resource());
    }

    private void readMultipleOf(Constraints into, Subschema schema) {
        var divisor = number(schema, "multipleOf");
        if (divisor.signum() <= 0) {
            throw schema.error("multipleOf", "must be above zero");
        }
        if (Decimals.canDivideBy(divisor)) {
            into.divisors.add(divisor);
        } else {
            cannotEnforce(schema, "multipleOf");
        }
    }

    private void readString(Constraints into, Subschema schema, String keyword) {
        var value = schema.node().get(keyword);
        switch (keyword) {
            case "minLength" -> into.minLength = Math.max(into.minLength, count(schema, keyword));
            case "maxLength" -> into.maxLength = Math.min(into.maxLength, count(schema, keyword));
            default -> {
                if (!value.isTextual()) {
                    throw schema.error(keyword, "must be a string");
                }
                readSyntax(into, schema, keyword, value.textValue());
            }
        }
    }

    private void readSyntax(Constraints into, Subschema schema, String keyword, String value) {
        if (keyword.equals("format")) {
            if (Formats.syntax(value) == null) {
                cannotEnforce(schema, "format \"" + value + "\"");
            } else {
                into.formats.add(value);
            }
            return;
        }
        try {
            RegexParser.parse(value, budget);
        } catch (GrammarException e) {
            throw schema.error(keyword, e.getMessage());
        }
        (keyword.equals("pattern") ? into.patterns : into.excludedPatterns).add(value);
    }

    private static BigDecimal number(Subschema schema, String keyword) {
        var value = schema.node().get(keyword);
        if (!value.isNumber()) {
            throw schema.error(keyword, "must be a number");
        }
        return value.decimalValue();
    }

    private static int count(Subschema schema, String keyword) {
        var value = number(schema, keyword);
        if (value.signum() < 0 || value.stripTrailingZeros().scale() > 0) {
            throw schema.error(keyword, "must be a whole number, zero or more");
        }
        return value.min(BigDecimal.valueOf(Integer.MAX_VALUE)).intValue();
    }

    private static List<JsonNode> elements(Subschema schema, String keyword) {
        var value = schema.node().get(keyword);
        if (!value.isArray()) {
            throw schema.error(keyword, "must be an array");
        }
        var elements = new ArrayList<JsonNode>();
        value.forEach(elements::add);
        return elements;
    }

    private static List<String> strings(Subschema schema, JsonNode array, String keyword) {
        if (!array.isArray()) {
            throw schema.error(keyword, "must be an array of strings");
        }
        var strings = new ArrayList<String>();
        for (var element : array) {
            if (!element.isTextual()) {
                throw schema.error(keyword, "must be an array of strings");
            }
            strings.add(element.textValue());
        }
        return strings;
    }

    private static List<Subschema> children(Subschema schema, String keyword) {
        var value = schema.node().get(keyword);
        if (!value.isArray() || value.isEmpty()) {
            throw schema.error(keyword, "must be an array with a schema or more");
        }
        var children = new ArrayList<Subschema>();
        for (int i = 0; i < value.size(); i++) {
            children.add(schema.child(keyword, i));
        }
        return children;
    }
}
