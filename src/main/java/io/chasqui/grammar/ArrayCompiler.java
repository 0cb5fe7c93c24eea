package io.chasqui.grammar;

/** Writes arrays into a rule: a state for each position that is counted, and one for the others. */
final class ArrayCompiler {
    private final SchemaCompiler schemas;
    private final Constraints constraints;
    private final Elements elements;

    ArrayCompiler(SchemaCompiler schemas, Constraints constraints) {
        this.schemas = schemas;
        this.constraints = constraints;
        this.elements = new Elements(constraints);
    }

    void add(Nfa nfa, int from, int to) {
        if (constraints.anyArray()) {
            nfa.call(from, schemas.json().array, to);
            return;
        }
        int min = constraints.minItems;
        int max = constraints.maxItems;
        if (min > max) {
            return;
        }
        boolean unbounded = max == Integer.MAX_VALUE;
        int counted = unbounded ? Math.max(min, elements.prefix()) : max;
        int open = nfa.state();
        nfa.bytes(from, '[', '[', open);
        int at = open;
        for (int i = 0; i < counted; i++) {
            closeIf(i >= min, nfa, at, to);
            at = addElement(i, nfa, at, nfa.state());
        }
        closeIf(true, nfa, at, to);
        if (unbounded) {
            int after = addElement(counted, nfa, at, nfa.state());
            nfa.bytes(after, ']', ']', to);
            addElement(counted + 1, nfa, after, after);
        }
    }

    private static void closeIf(boolean allowed, Nfa nfa, int at, int to) {
        if (allowed) {
            nfa.bytes(at, ']', ']', to);
        }
    }

    /** The separator first, unless this is the first element. */
    private int addElement(int index, Nfa nfa, int from, int to) {
        int start = from;
        if (index > 0) {
            start = nfa.state();
            nfa.literal(from, schemas.style().itemSeparator(), start);
        }
        var element = elements.schemas(index);
        if (index < elements.prefix()) {
            schemas.add(element, nfa, start, to);
        } else {
            nfa.call(start, schemas.rule(element), to);
        }
        return to;
    }
}
