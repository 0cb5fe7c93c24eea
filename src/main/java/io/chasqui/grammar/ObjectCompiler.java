package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Writes objects into a rule: members with a name in the schema's order, each there or not, then
 * others. States are told apart by the next member and by how many there have been, as far as that
 * matters.
 */
final class ObjectCompiler {
    /** Sets of patterns double with each of them. */
    private static final int MAX_PATTERNS = 4;

    private static final int MAX_COUNT = 1_000;

    private final SchemaCompiler schemas;
    private final Constraints constraints;
    private final Members members;
    private final List<String> names;

    /** Counts from here on are the same. */
    private final int cap;

    private Nfa nfa;

    /** Repeating a member's name would count it twice. */
    private void checkCountable() {
        boolean counts = constraints.minProperties > Math.max(1, constraints.required.size());
        if (counts && !members.areClosed()) {
            schemas.reader().cannotEnforce(schema(), "minProperties");
        }
    }

    ObjectCompiler(SchemaCompiler schemas, Constraints constraints) {
        this.schemas = schemas;
        this.constraints = constraints;
        this.members = new Members(constraints, schemas.reader());
        this.names = new ArrayList<>(members.names());
        this.cap = cap();
    }

    private int cap() {
        int most = members.areClosed() ? names.size() : Integer.MAX_VALUE;
        int cap = 1;
        if (constraints.maxProperties < most) {
            cap = constraints.maxProperties;
        } else if (constraints.minProperties > constraints.required.size()) {
            cap = constraints.minProperties;
        }
        if (cap > MAX_COUNT) {
            throw schema().error("minProperties or maxProperties", "is above " + MAX_COUNT);
        }
        return cap;
    }

    private Subschema schema() {
        return constraints.merged.iterator().next();
    }

    void add(Nfa into, int from, int to) {
        if (constraints.anyObject()) {
            into.call(from, schemas.json().object, to);
            return;
        }
        if (constraints.minProperties > constraints.maxProperties) {
            return;
        }
        checkCountable();
        nfa = into;
        int[] at = counts();
        nfa.bytes(from, '{', '{', at[0]);
        for (var name : names) {
            at = addMember(name, at);
        }
        addOthers(at);
        for (int count = Math.min(cap, minimum()); count <= cap; count++) {
            nfa.bytes(at[count], '}', '}', to);
        }
    }

    private int minimum() {
        return cap == 1 && constraints.minProperties <= constraints.required.size()
                ? 0
                : constraints.minProperties;
    }

    /** A state for each count of members so far. */
    private int[] counts() {
        int[] states = new int[cap + 1];
        for (int i = 0; i <= cap; i++) {
            states[i] = nfa.state();
        }
        return states;
    }

    private int after(int count) {
        return Math.min(count + 1, cap);
    }

    private boolean mayAdd(int count) {
        return count < constraints.maxProperties;
    }

    private int[] addMember(String name, int[] at) {
        int[] next = counts();
        if (!constraints.required.contains(name)) {
            for (int count = 0; count <= cap; count++) {
                nfa.epsilon(at[count], next[count]);
            }
        }
        var value = members.schemas(name);
        if (value == null || !nameAllowed(name)) {
            return next;
        }
        int[] begins = new int[cap + 1];
        for (int count = cap; count >= 0; count--) {
            if (mayAdd(count)) {
                int target = after(count);
                if (begins[target] == 0) {
                    begins[target] = nfa.state();
                    addNamed(name, value, begins[target], next[target]);
                }
                separate(at[count], count, begins[target]);
            }
        }
        return next;
    }

    private void separate(int from, int count, int to) {
        nfa.literal(from, count == 0 ? new byte[0] : schemas.style().itemSeparator(), to);
    }

    private void addNamed(String name, List<Subschema> value, int from, int to) {
        int key = nfa.state();
        int colon = nfa.state();
        nfa.literal(from, JsonText.string(name), key);
        nfa.literal(key, schemas.style().keySeparator(), colon);
        if (cap == 1) {
            schemas.add(value, nfa, colon, to);
        } else {
            nfa.call(colon, schemas.rule(value), to);
        }
    }

    private boolean nameAllowed(String name) {
        if (constraints.propertyNames.isEmpty()) {
            return true;
        }
        return keys().stream()
                .anyMatch(keys -> keys.contains(TextEncoding.JSON_STRING.bytes(name)));
    }

    /** Strings that may be names, as alternatives. */
    private List<Language> keys() {
        var languages = new ArrayList<Language>();
        var budget = schemas.budget();
        for (var c : schemas.reader().alternatives(constraints.propertyNames)) {
            if (c.values != null) {
                var texts =
                        c.values.stream()
                                .filter(v -> v.isTextual())
                                .map(v -> TextEncoding.JSON_STRING.bytes(v.textValue()))
                                .filter(v -> !c.types.isEmpty() && allowed(c, v))
                                .toList();
                languages.add(Language.of(texts, budget));
            } else if (c.types.contains(JsonType.STRING)) {
                languages.add(schemas.strings().of(c));
            }
        }
        return languages;
    }

    private boolean allowed(Constraints c, byte[] text) {
        return c.types.contains(JsonType.STRING) && schemas.strings().of(c).contains(text);
    }

    private void addOthers(int[] at) {
        var patterns = List.copyOf(new LinkedHashSet<>(members.patterns()));
        if (patterns.size() > MAX_PATTERNS) {
            throw new GrammarException(
                    "more than " + MAX_PATTERNS + " patternProperties for one object");
        }
        int[] begins = new int[cap + 1];
        for (int count = cap; count >= 0; count--) {
            if (mayAdd(count)) {
                int target = after(count);
                if (begins[target] == 0) {
                    begins[target] = nfa.state();
                    addOthers(patterns, begins[target], at[target]);
                }
                separate(at[count], count, begins[target]);
            }
        }
    }

    /** For each set of patterns, the members whose names match those and no others. */
    private void addOthers(List<String> patterns, int from, int to) {
        for (int set = 0; set < 1 << patterns.size(); set++) {
            var matching = new LinkedHashSet<String>();
            for (int i = 0; i < patterns.size(); i++) {
                if ((set >> i & 1) != 0) {
                    matching.add(patterns.get(i));
                }
            }
            var value = members.schemas(matching);
            if (value != null) {
                addOthers(patterns, matching, value, from, to);
            }
        }
    }

    private void addOthers(
            List<String> patterns, Set<String> matching, List<Subschema> value, int from, int to) {
        int colon = nfa.state();
        int afterKey = nfa.state();
        nfa.literal(afterKey, schemas.style().keySeparator(), colon);
        nfa.call(colon, schemas.rule(value), to);
        if (names.isEmpty() && patterns.isEmpty() && constraints.propertyNames.isEmpty()) {
            nfa.call(from, schemas.json().string, afterKey);
            return;
        }
        int open = nfa.state();
        int close = nfa.state();
        nfa.bytes(from, '"', '"', open);
        nfa.bytes(close, '"', '"', afterKey);
        var possible = constraints.propertyNames.isEmpty() ? List.of(anyKey()) : keys();
        for (var keys : possible) {
            otherKeys(keys, patterns, matching).addTo(nfa, open, close);
        }
    }

    private Language anyKey() {
        return schemas.strings().of(new Constraints());
    }

    private Language otherKeys(Language keys, List<String> patterns, Set<String> matching) {
        var named = names.stream().map(name -> TextEncoding.JSON_STRING.bytes(name)).toList();
        var result = keys.without(Language.of(named, schemas.budget()));
        for (var pattern : patterns) {
            var found = schemas.strings().search(pattern);
            result = matching.contains(pattern) ? result.and(found) : result.without(found);
        }
        return result;
    }
}
