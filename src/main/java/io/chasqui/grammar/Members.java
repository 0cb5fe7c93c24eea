package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;

/** What constraints say about the members of an object. */
final class Members {
    private final Constraints constraints;
    private final SchemaReader reader;
    private final Set<String> names = new LinkedHashSet<>();
    private final boolean closed;

    Members(Constraints constraints, SchemaReader reader) {
        this.constraints = constraints;
        this.reader = reader;
        boolean lists = false;
        boolean saysMore = false;
        for (var part : constraints.objectParts) {
            for (var property : part.node().path("properties").properties()) {
                names.add(property.getKey());
                lists = true;
            }
            saysMore |= part.has("additionalProperties") || part.has("patternProperties");
            saysMore |= leavesRest(part);
        }
        names.addAll(constraints.required);
        this.closed =
                lists && !saysMore && reader.options().reading() == SchemaOptions.Reading.INTENDED;
    }

    private static boolean leavesRest(Subschema part) {
        return part.has("unevaluatedProperties") && !part.appliesOthers();
    }

    /** Those with a name in the schema, in its order; then required ones it only names. */
    Set<String> names() {
        return names;
    }

    /** Whether there are none but those with names. */
    boolean areClosed() {
        return patterns().isEmpty() && schemas(Set.of()) == null;
    }

    /** Schemas of {@code patternProperties}, by their patterns. */
    List<String> patterns() {
        var patterns = new ArrayList<String>();
        for (var part : constraints.objectParts) {
            for (var property : part.node().path("patternProperties").properties()) {
                patterns.add(property.getKey());
            }
        }
        return patterns;
    }

    /**
     * What the value of this member must satisfy; empty if nothing, null if there may be no such
     * member.
     */
    List<Subschema> schemas(String name) {
        if (!names.contains(name) && closed) {
            return null;
        }
        byte[] key = TextEncoding.JSON_STRING.bytes(name);
        return schemas(name, pattern -> search(pattern).contains(key));
    }

    /** Likewise of members without a name in the schema that match these patterns, and no other. */
    List<Subschema> schemas(Set<String> matching) {
        return closed ? null : schemas(null, matching::contains);
    }

    private List<Subschema> schemas(String name, Predicate<String> matches) {
        var result = new ArrayList<Subschema>();
        for (var part : constraints.objectParts) {
            boolean found = false;
            if (name != null && part.node().path("properties").has(name)) {
                result.add(part.child("properties", name));
                found = true;
            }
            for (var property : part.node().path("patternProperties").properties()) {
                if (matches.test(property.getKey())) {
                    result.add(part.child("patternProperties", property.getKey()));
                    found = true;
                }
            }
            if (!found && part.has("additionalProperties")) {
                result.add(part.child("additionalProperties"));
            } else if (!found && leavesRest(part)) {
                result.add(part.child("unevaluatedProperties"));
            }
        }
        for (var schema : result) {
            if (schema.node().isBoolean() && !schema.node().booleanValue()) {
                return null;
            }
        }
        result.removeIf(schema -> schema.node().isBoolean());
        return result;
    }

    /** Canonical spellings of the strings in which there is a match. */
    Language search(String pattern) {
        return RegexParser.parse(pattern, reader.budget())
                .search(TextEncoding.JSON_STRING, reader.budget());
    }
}
