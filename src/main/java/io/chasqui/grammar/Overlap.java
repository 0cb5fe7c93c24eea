package io.chasqui.grammar;

import java.util.EnumSet;
import java.util.List;

/** Tells whether a value may satisfy two schemas at once; in doubt, it may. */
final class Overlap {
    private static final int MAX_DEPTH = 3;
    private static final int MAX_BRANCHES = 64;

    private final SchemaReader reader;
    private final SchemaValues values;

    Overlap(SchemaReader reader) {
        this.reader = reader;
        this.values = new SchemaValues(reader);
    }

    /** Whether at most one of these schemas holds for any value. */
    boolean isNone(List<Subschema> schemas) {
        if (schemas.size() > MAX_BRANCHES) {
            return false;
        }
        var alternatives = schemas.stream().map(s -> reader.alternatives(List.of(s))).toList();
        for (int i = 0; i < schemas.size(); i++) {
            for (int j = 0; j < i; j++) {
                if (overlap(alternatives.get(i), alternatives.get(j), 0)) {
                    return false;
                }
            }
        }
        return true;
    }

    private boolean overlap(List<Constraints> a, List<Constraints> b, int depth) {
        return a.stream().anyMatch(x -> b.stream().anyMatch(y -> overlap(x, y, depth)));
    }

    private boolean overlap(Constraints a, Constraints b, int depth) {
        reader.budget().work(64);
        if (a.values != null) {
            return a.values.stream()
                    .anyMatch(v -> values.satisfyRest(a, v) && values.satisfy(b, v));
        }
        if (b.values != null) {
            return overlap(b, a, depth);
        }
        var types = EnumSet.copyOf(JsonType.all());
        types.retainAll(a.types);
        types.retainAll(b.types);
        for (var type : types) {
            boolean apart =
                    switch (type) {
                        case INTEGER, FRACTION -> above(a, b) || above(b, a);
                        case OBJECT -> depth < MAX_DEPTH && objectsApart(a, b, depth);
                        default -> false;
                    };
            if (!apart) {
                return true;
            }
        }
        return false;
    }

    private static boolean above(Constraints a, Constraints b) {
        if (a.minimum == null || b.maximum == null) {
            return false;
        }
        int order = a.minimum.compareTo(b.maximum);
        return order > 0 || order == 0 && (a.minimumExclusive || b.maximumExclusive);
    }

    /** Whether some member that one requires cannot be what the other says of it. */
    private boolean objectsApart(Constraints a, Constraints b, int depth) {
        var first = new Members(a, reader);
        var second = new Members(b, reader);
        return a.required.stream().anyMatch(name -> memberApart(name, first, second, depth))
                || b.required.stream().anyMatch(name -> memberApart(name, second, first, depth));
    }

    private boolean memberApart(String name, Members requiring, Members other, int depth) {
        var mine = requiring.schemas(name);
        var its = other.schemas(name);
        if (mine == null || its == null) {
            return true;
        }
        if (mine.isEmpty() || its.isEmpty()) {
            return false;
        }
        return !overlap(reader.alternatives(mine), reader.alternatives(its), depth + 1);
    }
}
