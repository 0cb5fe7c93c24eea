package io.chasqui.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;

/**
 * A schema within a schema document.
 *
 * @param pointer JSON pointer from the document's root; tells schemas apart
 * @param resource pointer of the nearest schema around it with an {@code $id}, which local
 *     references start from
 */
record Subschema(JsonNode node, String pointer, String resource) {
    private static final int MAX_SHOWN = 200;

    private static final List<String> APPLICATORS =
            List.of(
                    "$ref",
                    "$dynamicRef",
                    "allOf",
                    "anyOf",
                    "oneOf",
                    "not",
                    "if",
                    "dependentSchemas",
                    "dependencies",
                    "contains");

    /** The schema under a keyword. */
    Subschema child(String keyword) {
        return inside(node.get(keyword), pointer + "/" + escape(keyword));
    }

    /** The schema under a keyword and a name, as in {@code properties}. */
    Subschema child(String keyword, String name) {
        return inside(
                node.get(keyword).get(name), pointer + "/" + escape(keyword) + "/" + escape(name));
    }

    Subschema child(String keyword, int index) {
        return inside(node.get(keyword).get(index), pointer + "/" + escape(keyword) + "/" + index);
    }

    private Subschema inside(JsonNode child, String place) {
        boolean own = child.path("$id").isTextual();
        return new Subschema(child, place, own ? place : resource);
    }

    static String escape(String name) {
        return name.replace("~", "~0").replace("/", "~1");
    }

    boolean has(String keyword) {
        return node.has(keyword);
    }

    /** Whether this is the only keyword about values. */
    boolean saysOnly(String keyword) {
        if (!has(keyword)) {
            return false;
        }
        for (var field : node.properties()) {
            if (!field.getKey().equals(keyword) && SchemaReader.KEYWORDS.contains(field.getKey())) {
                return false;
            }
        }
        return true;
    }

    /** Whether it has keywords that apply other schemas to the same value. */
    boolean appliesOthers() {
        return APPLICATORS.stream().anyMatch(this::has);
    }

    String place(String keyword) {
        return "#" + pointer + ": " + keyword;
    }

    /** Where it is, cut where that is long. */
    String place() {
        return "#"
                + (pointer.length() <= MAX_SHOWN ? pointer : pointer.substring(0, MAX_SHOWN) + "…");
    }

    GrammarException error(String keyword, String what) {
        return new GrammarException(place(keyword) + " " + what);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Subschema s && pointer.equals(s.pointer);
    }

    @Override
    public int hashCode() {
        return pointer.hashCode();
    }
}
