package io.chasqui.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.List;

/** Evaluates given values, such as those of {@code enum}, against the rest of a schema. */
final class SchemaValues {
    /** Of numbers that are divided. */
    private static final int MAX_DIGITS = 1_000;

    private final SchemaReader reader;
    private final Strings strings;

    SchemaValues(SchemaReader reader) {
        this.reader = reader;
        this.strings = new Strings(reader.budget());
    }

    /** Equality of JSON values: numbers by value, members in any order. */
    static boolean equal(JsonNode a, JsonNode b) {
        return a.equals(
                (x, y) ->
                        x.isNumber() && y.isNumber()
                                ? x.decimalValue().compareTo(y.decimalValue())
                                : x.equals(y) ? 0 : 1,
                b);
    }

    private boolean satisfyAll(List<Subschema> schemas, JsonNode value) {
        return schemas.isEmpty()
                || reader.alternatives(schemas).stream().anyMatch(c -> satisfy(c, value));
    }

    boolean satisfy(Constraints c, JsonNode value) {
        return (c.values == null || isOneOf(c.values, value)) && satisfyRest(c, value);
    }

    private boolean isOneOf(List<JsonNode> values, JsonNode value) {
        reader.budget().work(values.size());
        return values.stream().anyMatch(v -> equal(v, value));
    }

    /** Whether a value satisfies all but {@code enum} and {@code const}. */
    boolean satisfyRest(Constraints c, JsonNode value) {
        reader.budget().work(16);
        var type = JsonType.of(value);
        if (!c.types.contains(type) || c.excludedValues.stream().anyMatch(v -> equal(v, value))) {
            return false;
        }
        return switch (type) {
            case STRING ->
                    c.anyString()
                            || strings.of(c)
                                    .contains(TextEncoding.JSON_STRING.bytes(value.textValue()));
            case INTEGER, FRACTION -> satisfyNumber(c, value);
            case ARRAY -> satisfyArray(c, value);
            case OBJECT -> satisfyObject(c, value);
            default -> true;
        };
    }

    private static boolean satisfyNumber(Constraints c, JsonNode value) {
        var number = value.decimalValue();
        if (c.minimum != null) {
            int order = number.compareTo(c.minimum);
            if (order < 0 || order == 0 && c.minimumExclusive) {
                return false;
            }
        }
        if (c.maximum != null) {
            int order = number.compareTo(c.maximum);
            if (order > 0 || order == 0 && c.maximumExclusive) {
                return false;
            }
        }
        boolean moderate = Math.abs((long) number.scale()) + number.precision() <= MAX_DIGITS;
        return c.divisors.isEmpty()
                || moderate && c.divisors.stream().allMatch(d -> number.remainder(d).signum() == 0);
    }

    private boolean satisfyArray(Constraints c, JsonNode value) {
        if (value.size() < c.minItems || value.size() > c.maxItems) {
            return false;
        }
        var elements = new Elements(c);
        for (int i = 0; i < value.size(); i++) {
            if (!satisfyAll(elements.schemas(i), value.get(i))) {
                return false;
            }
        }
        return true;
    }

    private boolean satisfyObject(Constraints c, JsonNode value) {
        if (value.size() < c.minProperties || value.size() > c.maxProperties) {
            return false;
        }
        if (!c.required.stream().allMatch(value::has)) {
            return false;
        }
        var members = new Members(c, reader);
        for (var member : value.properties()) {
            var schemas = members.schemas(member.getKey());
            if (schemas == null
                    || !satisfyAll(schemas, member.getValue())
                    || !satisfyAll(c.propertyNames, TextNode.valueOf(member.getKey()))) {
                return false;
            }
        }
        return true;
    }
}
