package io.chasqui.http;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.harrel.jsonschema.Validator;
import dev.harrel.jsonschema.ValidatorFactory;
import dev.harrel.jsonschema.providers.JacksonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;

/** An OpenAPI document, and a judge of JSON by its schemas that we did not write. */
final class ApiDocument {
    static final JsonMapper MAPPER = new JsonMapper();
    private static final String SCHEMAS = "#/components/schemas/";

    private final JsonNode root;
    private final String definitions;
    private final Validator validator =
            new ValidatorFactory().withJsonNodeFactory(new JacksonNode.Factory()).createValidator();
    private final Map<String, URI> known = new HashMap<>();

    ApiDocument(JsonNode root) {
        this.root = root;
        definitions = local(root.at("/components/schemas"));
    }

    /** The document as it lies in the sources. */
    static ApiDocument ofSources() {
        try (var in = ApiDocument.class.getResourceAsStream("/openapi.json")) {
            return new ApiDocument(MAPPER.readTree(in));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static JsonNode parse(String json) {
        try {
            return MAPPER.readTree(json);
        } catch (IOException e) {
            throw new UncheckedIOException("no JSON: " + json, e);
        }
    }

    JsonNode root() {
        return root;
    }

    JsonNode at(String pointer) {
        return root.at(pointer);
    }

    /** The node itself, or what it refers to. */
    JsonNode resolve(JsonNode node) {
        var at = node;
        while (at.path("$ref").isTextual()) {
            at = root.at(at.get("$ref").textValue().substring(1));
        }
        return at;
    }

    /** The operation of this method on this path. */
    JsonNode operation(String method, String path) {
        return root.path("paths").path(path).path(method);
    }

    /** Example bodies of an operation, by name. */
    Map<String, ObjectNode> examples(JsonNode operation) {
        var bodies = new LinkedHashMap<String, ObjectNode>();
        operation
                .at("/requestBody/content/application~1json/examples")
                .properties()
                .forEach(e -> bodies.put(e.getKey(), (ObjectNode) e.getValue().get("value")));
        return bodies;
    }

    static JsonNode requestSchema(JsonNode operation) {
        return operation.at("/requestBody/content/application~1json/schema");
    }

    static JsonNode schemaNamed(String name) {
        return MAPPER.createObjectNode().put("$ref", SCHEMAS + name);
    }

    /** What is wrong with an instance by one of the document's schemas, or null. */
    String complaint(JsonNode schema, JsonNode instance) {
        var uri = known.computeIfAbsent(local(schema), this::register);
        var result = validator.validate(uri, instance);
        if (result.isValid()) {
            return null;
        }
        var text = new StringBuilder();
        result.getErrors()
                .forEach(
                        e ->
                                text.append(e.getInstanceLocation())
                                        .append(": ")
                                        .append(e.getError())
                                        .append('\n'));
        return text.toString();
    }

    boolean isValid(JsonNode schema, JsonNode instance) {
        return complaint(schema, instance) == null;
    }

    /**
     * Visits the closed objects of an instance, each with the schema that lists its members.
     *
     * @param visitor takes the schema, the same node each time, and where the object stands
     */
    void visitObjects(
            JsonNode schema, JsonNode instance, BiConsumer<JsonNode, JsonPointer> visitor) {
        visit(schema, instance, JsonPointer.empty(), visitor);
    }

    private void visit(
            JsonNode reference,
            JsonNode instance,
            JsonPointer at,
            BiConsumer<JsonNode, JsonPointer> visitor) {
        var schema = resolve(reference);
        for (var kind : List.of("oneOf", "anyOf")) {
            for (var alternative : schema.path(kind)) {
                if (isValid(alternative, instance)) {
                    visit(alternative, instance, at, visitor);
                }
            }
        }
        if (instance.isObject() && isClosed(schema)) {
            visitor.accept(schema, at);
        }
        if (instance.isObject()) {
            for (var member : schema.path("properties").properties()) {
                var name = member.getKey();
                if (instance.has(name)) {
                    visit(member.getValue(), instance.get(name), at.appendProperty(name), visitor);
                }
            }
        }
        for (int i = 0; instance.isArray() && schema.has("items") && i < instance.size(); i++) {
            visit(schema.get("items"), instance.get(i), at.appendIndex(i), visitor);
        }
    }

    /** Every schema below this one that lists the members of an object and allows no other. */
    List<JsonNode> closedSchemas(JsonNode schema) {
        var found = new ArrayList<JsonNode>();
        collect(resolve(schema), found, Collections.newSetFromMap(new IdentityHashMap<>()));
        return found;
    }

    private void collect(JsonNode schema, List<JsonNode> found, Set<JsonNode> seen) {
        if (!seen.add(schema)) {
            return;
        }
        if (isClosed(schema)) {
            found.add(schema);
        }
        for (var kind : List.of("oneOf", "anyOf", "properties")) {
            schema.path(kind).forEach(child -> collect(resolve(child), found, seen));
        }
        collect(resolve(schema.path("items")), found, seen);
    }

    private static boolean isClosed(JsonNode schema) {
        return schema.has("properties")
                && schema.has("additionalProperties")
                && !schema.get("additionalProperties").asBoolean(true);
    }

    /** Members that a schema lists. */
    static Set<String> members(JsonNode schema) {
        var names = new TreeSet<String>();
        schema.path("properties").fieldNames().forEachRemaining(names::add);
        return names;
    }

    /** Values of every type on both sides of every bound that the document names. */
    List<JsonNode> awkwardValues() {
        var values = new LinkedHashSet<JsonNode>();
        for (var json :
                List.of(
                        "null",
                        "true",
                        "false",
                        "0.5",
                        "-0.5",
                        "1.5",
                        "[]",
                        "[1]",
                        "[\"x\"]",
                        "[[1]]",
                        "[[]]",
                        "[null]",
                        "[{}]",
                        "{}",
                        "{\"x\":1}",
                        "{\"1\":\"x\"}",
                        "{\"1\":1}",
                        "\"\"",
                        "\"x\"",
                        "\"x y\"",
                        "\"{}\"",
                        "\"\\n\"")) {
            values.add(parse(json));
        }
        var schemas = root.at("/components/schemas");
        for (var kind : List.of("minimum", "maximum", "exclusiveMinimum")) {
            for (var bound : schemas.findValues(kind)) {
                for (int step = -1; step <= 1; step++) {
                    var value = bound.bigIntegerValue().add(BigInteger.valueOf(step));
                    values.add(parse(value.toString()));
                }
            }
        }
        for (var length : schemas.findValues("maxLength")) {
            for (int n = length.intValue(); n <= length.intValue() + 1 && n < 2000; n++) {
                values.add(TextNode.valueOf("x".repeat(n)));
                values.add(TextNode.valueOf("🦙".repeat(n)));
            }
        }
        for (var kind : List.of("enum", "const")) {
            for (var found : schemas.findValues(kind)) {
                (found.isArray() ? found : List.of(found)).forEach(values::add);
            }
        }
        for (var size : schemas.findValues("maxProperties")) {
            for (int n = size.intValue(); n <= size.intValue() + 1; n++) {
                values.add(objectOf(n, IntNode.valueOf(1)));
                values.add(objectOf(n, TextNode.valueOf("x")));
            }
        }
        return List.copyOf(values);
    }

    private static ObjectNode objectOf(int size, JsonNode value) {
        var object = MAPPER.createObjectNode();
        IntStream.range(0, size).forEach(i -> object.set(Integer.toString(i), value));
        return object;
    }

    /** An array's first element as often as the document's bounds of sizes allow, and once more. */
    List<JsonNode> resized(JsonNode array) {
        var arrays = new ArrayList<JsonNode>();
        if (array.isArray() && !array.isEmpty()) {
            for (var size : new HashSet<>(root.at("/components/schemas").findValues("maxItems"))) {
                for (int n = size.intValue(); n <= size.intValue() + 1 && n < 1000; n++) {
                    var copy = MAPPER.createArrayNode();
                    IntStream.range(0, n).forEach(_ -> copy.add(array.get(0)));
                    arrays.add(copy);
                }
            }
        }
        return arrays;
    }

    private URI register(String schema) {
        var wrapped = "{\"allOf\":[%s],\"$defs\":%s}".formatted(schema, definitions);
        return validator.registerSchema(URI.create("urn:schema:" + known.size()), wrapped);
    }

    /** A schema's text, with its references where a schema by itself has them. */
    private static String local(JsonNode schema) {
        return schema.toString().replace(SCHEMAS, "#/$defs/");
    }
}
