package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.List;

/** What constraints say about the elements of an array. */
final class Elements {
    private final Constraints constraints;

    Elements(Constraints constraints) {
        this.constraints = constraints;
    }

    /** Elements from this position on are all alike. */
    int prefix() {
        int longest = 0;
        for (var part : constraints.arrayParts) {
            longest = Math.max(longest, prefix(part));
        }
        return longest;
    }

    private static String prefixKeyword(Subschema part) {
        return part.node().path("items").isArray() ? "items" : "prefixItems";
    }

    private static int prefix(Subschema part) {
        return part.node().path(prefixKeyword(part)).size();
    }

    /** What the element at a position must satisfy; empty if nothing. */
    List<Subschema> schemas(int index) {
        var result = new ArrayList<Subschema>();
        for (var part : constraints.arrayParts) {
            var prefix = prefixKeyword(part);
            var rest = prefix.equals("items") ? "additionalItems" : "items";
            if (index < prefix(part)) {
                result.add(part.child(prefix, index));
            } else if (part.has(rest)) {
                result.add(part.child(rest));
            } else if (part.has("unevaluatedItems") && !part.appliesOthers()) {
                result.add(part.child("unevaluatedItems"));
            }
        }
        return result;
    }
}
