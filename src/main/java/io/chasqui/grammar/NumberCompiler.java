package io.chasqui.grammar;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Makes the rules of numbers. */
final class NumberCompiler {
    private final JsonRules json;
    private final CompileBudget budget;
    private final Decimals decimals;
    private final Map<List<Object>, Rule> known = new HashMap<>();

    NumberCompiler(JsonRules json, CompileBudget budget) {
        this.json = json;
        this.budget = budget;
        this.decimals = new Decimals(budget);
    }

    void add(Constraints constraints, Nfa nfa, int from, int to) {
        boolean whole = constraints.types.contains(JsonType.INTEGER);
        boolean fraction = constraints.types.contains(JsonType.FRACTION);
        if (!whole && !fraction) {
            return;
        }
        if (whole && constraints.anyNumber()) {
            nfa.call(from, fraction ? json.number : json.integer, to);
            return;
        }
        var key =
                List.<Object>of(
                        whole,
                        fraction,
                        "" + constraints.minimum + constraints.minimumExclusive,
                        "" + constraints.maximum + constraints.maximumExclusive,
                        List.copyOf(constraints.divisors));
        nfa.call(from, known.computeIfAbsent(key, k -> rule(constraints, whole, fraction)), to);
    }

    private Rule rule(Constraints constraints, boolean whole, boolean fraction) {
        var numbers = decimals.all(!fraction);
        if (!whole) {
            var regex = RegexParser.plain("-?[0-9]+(\\.0+)?");
            numbers = numbers.without(Language.of(regex, TextEncoding.UTF_8, budget));
        }
        if (constraints.minimum != null) {
            numbers =
                    numbers.and(
                            decimals.atLeast(constraints.minimum, constraints.minimumExclusive));
        }
        if (constraints.maximum != null) {
            numbers =
                    numbers.and(decimals.atMost(constraints.maximum, constraints.maximumExclusive));
        }
        for (var divisor : constraints.divisors) {
            numbers = numbers.and(decimals.multiplesOf(divisor));
        }
        return numbers.rule();
    }
}
