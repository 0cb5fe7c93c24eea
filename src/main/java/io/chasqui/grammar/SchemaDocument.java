package io.chasqui.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/** A schema with everything in it that references can mean. Nothing outside is ever read. */
final class SchemaDocument {
    private final JsonNode root;

    /** Schemas by the pointer of their resource and their anchor; the resource itself by "". */
    private final Map<String, Subschema> anchors = new HashMap<>();

    /** Schemas by {@code $id}. */
    private final Map<String, Subschema> ids = new HashMap<>();

    SchemaDocument(JsonNode root, CompileBudget budget) {
        this.root = root;
        index(root(), 0, budget);
    }

    Subschema root() {
        return new Subschema(root, "", "");
    }

    private void index(Subschema schema, int depth, CompileBudget budget) {
        budget.checkNesting(depth, "the schema");
        budget.work(1);
        budget.addPlace(schema.pointer().length());
        var node = schema.node();
        if (node.isObject()) {
            register(schema);
        }
        if (node.isContainerNode()) {
            var fields = node.isObject() ? node.properties() : null;
            if (fields != null) {
                for (var field : fields) {
                    index(schema.child(field.getKey()), depth + 1, budget);
                }
            } else {
                for (int i = 0; i < node.size(); i++) {
                    index(element(schema, i), depth + 1, budget);
                }
            }
        }
    }

    private static Subschema element(Subschema array, int index) {
        var node = array.node().get(index);
        var place = array.pointer() + "/" + index;
        return new Subschema(node, place, node.path("$id").isTextual() ? place : array.resource());
    }

    private void register(Subschema schema) {
        var node = schema.node();
        if (node.path("$id").isTextual()) {
            ids.put(node.get("$id").textValue(), schema);
        }
        if (node.path("$anchor").isTextual()) {
            anchors.put(schema.resource() + "#" + node.get("$anchor").textValue(), schema);
        }
    }

    /**
     * What {@code $ref} of a schema refers to.
     *
     * @throws GrammarException if that is outside the document or does not exist
     */
    Subschema resolve(Subschema from) {
        var node = from.node().get("$ref");
        if (!node.isTextual()) {
            throw from.error("$ref", "must be a string");
        }
        var reference = node.textValue();
        int hash = reference.indexOf('#');
        var base = hash < 0 ? reference : reference.substring(0, hash);
        var fragment = hash < 0 ? "" : decoded(reference.substring(hash + 1));
        var resource = base.isEmpty() ? resource(from.resource()) : ids.get(base);
        var target = resource == null ? null : find(resource, fragment);
        if (target == null) {
            throw from.error(
                    "$ref", "refers to \"" + reference + "\", which is not in this schema");
        }
        return target;
    }

    private static String decoded(String fragment) {
        try {
            return URLDecoder.decode(fragment.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            return fragment;
        }
    }

    private Subschema resource(String pointer) {
        return follow(root(), pointer);
    }

    private Subschema find(Subschema resource, String fragment) {
        if (fragment.isEmpty() || fragment.startsWith("/")) {
            return follow(resource, fragment);
        }
        return anchors.get(resource.pointer() + "#" + fragment);
    }

    private static Subschema follow(Subschema from, String pointer) {
        var at = from;
        int begin = 1;
        while (at != null && begin <= pointer.length()) {
            int slash = pointer.indexOf('/', begin);
            int end = slash < 0 ? pointer.length() : slash;
            var name = pointer.substring(begin, end).replace("~1", "/").replace("~0", "~");
            at = step(at, name);
            begin = end + 1;
        }
        return at;
    }

    private static Subschema step(Subschema at, String name) {
        if (at.node().isObject() && at.node().has(name)) {
            return at.child(name);
        }
        if (at.node().isArray()
                && !name.isEmpty()
                && name.length() < 7
                && name.chars().allMatch(c -> c >= '0' && c <= '9')
                && Integer.parseInt(name) < at.node().size()) {
            return element(at, Integer.parseInt(name));
        }
        return null;
    }
}
