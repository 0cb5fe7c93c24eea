package io.chasqui.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.EnumSet;
import java.util.Set;

/** Types of JSON Schema, numbers divided into whole ones and others. */
enum JsonType {
    NULL,
    BOOLEAN,
    STRING,
    INTEGER,
    FRACTION,
    ARRAY,
    OBJECT;

    static Set<JsonType> all() {
        return EnumSet.allOf(JsonType.class);
    }

    /** What a schema means by this name; null if it is no type. */
    static Set<JsonType> named(String name) {
        return switch (name) {
            case "null" -> EnumSet.of(NULL);
            case "boolean" -> EnumSet.of(BOOLEAN);
            case "string" -> EnumSet.of(STRING);
            case "integer" -> EnumSet.of(INTEGER);
            case "number" -> EnumSet.of(INTEGER, FRACTION);
            case "array" -> EnumSet.of(ARRAY);
            case "object" -> EnumSet.of(OBJECT);
            default -> null;
        };
    }

    static JsonType of(JsonNode value) {
        return switch (value.getNodeType()) {
            case NULL -> NULL;
            case BOOLEAN -> BOOLEAN;
            case STRING -> STRING;
            case ARRAY -> ARRAY;
            case NUMBER ->
                    value.decimalValue().stripTrailingZeros().scale() <= 0 ? INTEGER : FRACTION;
            default -> OBJECT;
        };
    }
}
