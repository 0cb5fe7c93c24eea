package io.chasqui.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;

/** Schemas for what another schema does not allow, in the cases that come up in practice. */
final class Negation {
    /** Values that must not be, and patterns that must not match; no keywords of JSON Schema. */
    static final String NOT_ENUM = "\u0000notEnum";

    static final String NOT_PATTERN = "\u0000notPattern";

    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;
    private static final List<String> TYPES =
            List.of("null", "boolean", "string", "number", "array", "object");

    private Negation() {}

    /** A schema for all values that {@code schema} does not allow; null if it is not known. */
    static JsonNode of(JsonNode schema) {
        if (schema.isBoolean()) {
            return BooleanNode.valueOf(!schema.booleanValue());
        }
        if (!schema.isObject()) {
            return null;
        }
        var alternatives = new ArrayList<JsonNode>();
        for (var keyword : schema.properties()) {
            var negated = ofKeyword(keyword.getKey(), keyword.getValue());
            if (negated == null) {
                return null;
            }
            alternatives.addAll(negated);
        }
        return anyOf(alternatives);
    }

    private static List<JsonNode> ofKeyword(String keyword, JsonNode value) {
        return switch (keyword) {
            case "title", "description", "$comment", "default", "examples" -> List.of();
            case "type" -> ofTypes(value);
            case "const" -> ofValues(JSON.arrayNode().add(value));
            case "enum" -> ofValues(value);
            case "pattern" -> List.of(typed("string").put(NOT_PATTERN, value.asText()));
            case "minimum" -> List.of(number("exclusiveMaximum", value));
            case "maximum" -> List.of(number("exclusiveMinimum", value));
            case "exclusiveMinimum" -> List.of(number("maximum", value));
            case "exclusiveMaximum" -> List.of(number("minimum", value));
            case "required" -> ofRequired(value);
            case "properties" -> ofProperties(value);
            case "anyOf" -> ofAnyOf(value);
            case "allOf" -> ofAllOf(value);
            case "not" -> List.of(value);
            default -> null;
        };
    }

    private static List<JsonNode> ofTypes(JsonNode value) {
        var others = JSON.arrayNode();
        for (var type : TYPES) {
            if (!names(value, type)) {
                others.add(type);
            }
        }
        if (names(value, "integer") && !names(value, "number")) {
            return null;
        }
        return List.of(JSON.objectNode().set("type", others));
    }

    private static boolean names(JsonNode types, String type) {
        if (types.isTextual()) {
            return types.textValue().equals(type);
        }
        for (var name : types) {
            if (name.asText().equals(type)) {
                return true;
            }
        }
        return false;
    }

    private static List<JsonNode> ofValues(JsonNode values) {
        for (var value : values) {
            if (!value.isTextual() && !value.isBoolean() && !value.isNull()) {
                return null;
            }
        }
        return List.of(JSON.objectNode().set(NOT_ENUM, values));
    }

    private static ObjectNode typed(String type) {
        return JSON.objectNode().put("type", type);
    }

    private static JsonNode number(String keyword, JsonNode bound) {
        return typed("number").set(keyword, bound);
    }

    private static List<JsonNode> ofRequired(JsonNode names) {
        var alternatives = new ArrayList<JsonNode>();
        for (var name : names) {
            var without = (ObjectNode) absent(name.asText());
            alternatives.add(without.put("type", "object"));
        }
        return alternatives;
    }

    private static List<JsonNode> ofProperties(JsonNode properties) {
        var alternatives = new ArrayList<JsonNode>();
        for (var property : properties.properties()) {
            var negated = of(property.getValue());
            if (negated == null) {
                return null;
            }
            var violated = typed("object");
            violated.putArray("required").add(property.getKey());
            violated.putObject("properties").set(property.getKey(), negated);
            alternatives.add(violated);
        }
        return alternatives;
    }

    private static List<JsonNode> ofAnyOf(JsonNode branches) {
        var all = JSON.arrayNode();
        for (var branch : branches) {
            var negated = of(branch);
            if (negated == null) {
                return null;
            }
            all.add(negated);
        }
        return List.of(JSON.objectNode().set("allOf", all));
    }

    private static List<JsonNode> ofAllOf(JsonNode branches) {
        var alternatives = new ArrayList<JsonNode>();
        for (var branch : branches) {
            var negated = of(branch);
            if (negated == null) {
                return null;
            }
            alternatives.add(negated);
        }
        return alternatives;
    }

    private static JsonNode anyOf(List<JsonNode> alternatives) {
        if (alternatives.isEmpty()) {
            return BooleanNode.FALSE;
        }
        if (alternatives.size() == 1) {
            return alternatives.getFirst();
        }
        return JSON.objectNode().set("anyOf", JSON.arrayNode().addAll(alternatives));
    }

    /** Both; a null one is any value. */
    static JsonNode allOf(JsonNode a, JsonNode b) {
        var both = JSON.arrayNode().add(a);
        if (b != null) {
            both.add(b);
        }
        return JSON.objectNode().set("allOf", both);
    }

    /** Objects without this member, and all that are no objects. */
    static JsonNode absent(String name) {
        var schema = JSON.objectNode();
        schema.putObject("properties").put(name, false);
        return schema;
    }

    /**
     * Objects with this member for which a dependency holds.
     *
     * @param dependency a schema, or a list of names of further members
     */
    static JsonNode present(String name, JsonNode dependency) {
        var schema = typed("object");
        var required = schema.putArray("required").add(name);
        if (dependency.isArray()) {
            dependency.forEach(required::add);
            return schema;
        }
        return allOf(schema, dependency);
    }
}
