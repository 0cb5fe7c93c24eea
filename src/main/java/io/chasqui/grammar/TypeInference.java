package io.chasqui.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** Types that schemas mean without naming them. */
final class TypeInference {
    private static final Set<String> NAMING =
            Set.of("type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf", "not", "if");

    private static final Map<String, String> TYPES = new HashMap<>();

    static {
        put(
                "object",
                "properties",
                "required",
                "additionalProperties",
                "patternProperties",
                "propertyNames",
                "minProperties",
                "maxProperties");
        put("array", "items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains");
        put("string", "pattern", "format", "minLength", "maxLength");
        put("number", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf");
    }

    private TypeInference() {}

    private static void put(String type, String... keywords) {
        for (var keyword : keywords) {
            TYPES.put(keyword, type);
        }
    }

    /** The type that all keywords of a schema are about; any, if they differ or others tell it. */
    static Set<JsonType> types(JsonNode schema) {
        String told = null;
        for (var keyword : schema.properties()) {
            if (NAMING.contains(keyword.getKey())) {
                return JsonType.all();
            }
            var type = TYPES.get(keyword.getKey());
            if (type != null && told != null && !type.equals(told)) {
                return JsonType.all();
            }
            told = type == null ? told : type;
        }
        return told == null ? JsonType.all() : JsonType.named(told);
    }
}
