package io.chasqui.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;

/** Schemas made of the keywords that can be enforced, in any combination, recursion included. */
final class RandomSchemas {
    private static final JsonNodeFactory JSON = JsonNodeFactory.withExactBigDecimals(true);
    private static final List<String> NAMES =
            List.of("a", "b", "ab", "x-1", "name", "a\"b", "é", "", "id");
    private static final List<String> TYPES =
            List.of("null", "boolean", "string", "integer", "number", "array", "object");
    private static final List<String> PATTERNS =
            List.of(
                    "^x-",
                    "[0-9]+$",
                    "^[a-c]{1,4}$",
                    "b",
                    "^(ab|cd)*$",
                    "^\\w+@\\w+\\.com$",
                    "^[^\\n]{2}$",
                    "^(?=[^\\n]*[0-9])(?![^\\n]*x)[^\\n]{3,8}$",
                    " ");

    private static final List<String> DIVISORS = List.of("1", "2", "7", "0.5", "0.01", "10", "2.5");

    private final Random random;

    /** Objects and arrays around the schema that is being made. */
    private int containers;

    private boolean inDefinition;

    RandomSchemas(long seed) {
        this.random = new Random(seed);
    }

    String next() {
        var schema = schema(3);
        if (schema instanceof ObjectNode root) {
            var definitions = root.putObject("$defs");
            inDefinition = true;
            definitions.set("p", schema(2));
            definitions.set("q", schema(1));
        }
        return schema.toString();
    }

    private <T> T one(List<T> list) {
        return list.get(random.nextInt(list.size()));
    }

    private boolean chance(int percent) {
        return random.nextInt(100) < percent;
    }

    private JsonNode schema(int depth) {
        int kind = random.nextInt(100);
        if (kind < 3) {
            return JSON.booleanNode(kind < 2);
        }
        var schema = JSON.objectNode();
        if (depth <= 0 || kind < 45) {
            addTyped(schema, depth);
        } else if (kind < 52) {
            addEnum(schema);
        } else if (kind < 60) {
            addReference(schema);
            addSometimes(schema, depth);
        } else if (kind < 72) {
            addTyped(schema, depth);
            addBranches(schema, one(List.of("anyOf", "oneOf", "allOf")), depth);
        } else if (kind < 80) {
            addBranches(schema, one(List.of("anyOf", "oneOf", "allOf")), depth);
        } else if (kind < 85) {
            addConditions(schema, depth);
        } else {
            addTyped(schema, depth);
        }
        return schema;
    }

    /** One that cannot lead back to itself within the same value. */
    private void addReference(ObjectNode schema) {
        if (containers > 0) {
            schema.put("$ref", one(List.of("#/$defs/p", "#/$defs/q", "#")));
        } else if (!inDefinition) {
            schema.put("$ref", one(List.of("#/$defs/p", "#/$defs/q")));
        }
    }

    private void addSometimes(ObjectNode schema, int depth) {
        if (chance(30)) {
            addTyped(schema, depth);
        }
    }

    private void addTyped(ObjectNode schema, int depth) {
        var type = one(TYPES);
        if (chance(85)) {
            if (chance(15)) {
                var other = one(TYPES);
                var types = schema.putArray("type").add(type);
                if (!other.equals(type)) {
                    types.add(other);
                }
            } else {
                schema.put("type", type);
            }
        }
        switch (type) {
            case "string" -> addString(schema);
            case "integer", "number" -> addNumber(schema);
            case "array" -> addArray(schema, depth);
            case "object" -> addObject(schema, depth);
            default -> {
                // No keywords of its own.
            }
        }
    }

    private void addString(ObjectNode schema) {
        if (chance(30)) {
            schema.put("minLength", random.nextInt(4));
        }
        if (chance(30)) {
            schema.put("maxLength", random.nextInt(12));
        }
        if (chance(30)) {
            schema.put("pattern", one(PATTERNS));
        }
        if (chance(15)) {
            schema.put(
                    "format", one(List.of("date", "uuid", "ipv4", "time", "email", "date-time")));
        }
    }

    private BigDecimal number() {
        return BigDecimal.valueOf(random.nextInt(4001) - 2000, random.nextInt(4));
    }

    private void addNumber(ObjectNode schema) {
        if (chance(30)) {
            schema.put(one(List.of("minimum", "exclusiveMinimum")), number());
        }
        if (chance(30)) {
            schema.put(one(List.of("maximum", "exclusiveMaximum")), number());
        }
        if (chance(15)) {
            schema.put("multipleOf", new BigDecimal(one(DIVISORS)));
        }
    }

    private void addArray(ObjectNode schema, int depth) {
        containers++;
        if (chance(25)) {
            schema.put("minItems", random.nextInt(3));
        }
        if (chance(40)) {
            schema.put("maxItems", random.nextInt(5));
        }
        if (chance(30)) {
            var prefix = schema.putArray("prefixItems");
            for (int i = random.nextInt(3); i >= 0; i--) {
                prefix.add(schema(depth - 1));
            }
        }
        if (chance(70)) {
            schema.set("items", schema(depth - 1));
        }
        containers--;
    }

    private void addObject(ObjectNode schema, int depth) {
        containers++;
        if (chance(85)) {
            var properties = schema.putObject("properties");
            for (int i = random.nextInt(4); i > 0; i--) {
                properties.set(one(NAMES), schema(depth - 1));
            }
        }
        if (chance(50)) {
            var required = schema.putArray("required");
            var names = new LinkedHashSet<String>();
            for (int i = random.nextInt(3); i > 0; i--) {
                names.add(one(NAMES));
            }
            names.forEach(required::add);
        }
        if (chance(40)) {
            schema.set("additionalProperties", schema(depth - 2));
        }
        if (chance(15)) {
            schema.putObject("patternProperties").set(one(PATTERNS), schema(depth - 2));
        }
        if (chance(10)) {
            schema.putObject("propertyNames").put("pattern", one(PATTERNS));
        }
        if (chance(10)) {
            schema.put("minProperties", random.nextInt(3));
        }
        if (chance(15)) {
            schema.put("maxProperties", random.nextInt(4));
        }
        if (chance(10)) {
            schema.putObject("dependentRequired").putArray(one(NAMES)).add(one(NAMES));
        }
        if (chance(5)) {
            containers--;
            schema.putObject("dependentSchemas").set(one(NAMES), schema(depth - 2));
            containers++;
        }
        containers--;
    }

    private void addEnum(ObjectNode schema) {
        if (chance(30)) {
            schema.set("const", value(1));
            return;
        }
        var values = schema.putArray("enum");
        for (int i = random.nextInt(5); i >= 0; i--) {
            values.add(value(1));
        }
    }

    private JsonNode value(int depth) {
        return switch (random.nextInt(depth > 0 ? 7 : 5)) {
            case 0 -> JSON.nullNode();
            case 1 -> JSON.booleanNode(random.nextBoolean());
            case 2 -> JSON.textNode(one(NAMES));
            case 3 -> JSON.numberNode(number());
            case 4 -> JSON.numberNode(random.nextInt(100));
            case 5 -> JSON.arrayNode().add(value(0)).add(value(0));
            default -> JSON.objectNode().set(one(NAMES), value(0));
        };
    }

    private void addBranches(ObjectNode schema, String keyword, int depth) {
        var branches = schema.putArray(keyword);
        for (int i = 1 + random.nextInt(2); i >= 0; i--) {
            branches.add(schema(depth - 1));
        }
    }

    private void addConditions(ObjectNode schema, int depth) {
        if (chance(50)) {
            schema.set("not", simple());
            addTyped(schema, depth);
            return;
        }
        schema.set("if", simple());
        if (chance(80)) {
            schema.set("then", schema(depth - 1));
        }
        if (chance(60)) {
            schema.set("else", schema(depth - 1));
        }
    }

    private JsonNode simple() {
        var schema = JSON.objectNode();
        switch (random.nextInt(5)) {
            case 0 -> schema.put("type", one(TYPES));
            case 1 -> schema.putArray("enum").add(one(NAMES)).add(true).addNull();
            case 2 -> schema.putArray("required").add(one(NAMES));
            case 3 -> {
                var name = one(NAMES);
                schema.putObject("properties").putObject(name).put("const", one(NAMES));
                schema.putArray("required").add(name);
            }
            default -> schema.put("minimum", number());
        }
        return schema;
    }
}
