package io.chasqui.grammar;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Sets of strings that constraints describe, in their canonical JSON spelling without quotes. */
final class Strings {
    private final CompileBudget budget;
    private final Map<List<Object>, Language> known = new HashMap<>();

    Strings(CompileBudget budget) {
        this.budget = budget;
    }

    Language of(Constraints c) {
        var excluded = c.excludedValues.stream().filter(v -> v.isTextual()).toList();
        var key =
                List.<Object>of(
                        c.minLength,
                        c.maxLength,
                        List.copyOf(c.patterns),
                        List.copyOf(c.excludedPatterns),
                        List.copyOf(c.formats),
                        excluded.stream().map(v -> v.textValue()).toList());
        return known.computeIfAbsent(key, k -> make(c));
    }

    private Language make(Constraints c) {
        Language result = null;
        for (var pattern : c.patterns) {
            result = both(result, search(pattern));
        }
        for (var format : c.formats) {
            result =
                    both(
                            result,
                            Language.of(
                                    RegexParser.plain(Formats.syntax(format)),
                                    TextEncoding.JSON_STRING,
                                    budget));
        }
        boolean anyLength = c.minLength == 0 && c.maxLength == Integer.MAX_VALUE;
        if (!anyLength || result == null) {
            result = both(result, Language.of(length(c), TextEncoding.JSON_STRING, budget));
        }
        for (var pattern : c.excludedPatterns) {
            result = result.without(search(pattern));
        }
        var excluded = new ArrayList<byte[]>();
        for (var value : c.excludedValues) {
            if (value.isTextual()) {
                excluded.add(TextEncoding.JSON_STRING.bytes(value.textValue()));
            }
        }
        return excluded.isEmpty() ? result : result.without(Language.of(excluded, budget));
    }

    private static Expression length(Constraints c) {
        if (c.minLength > c.maxLength) {
            return new Expression.Choice(List.of());
        }
        return new Expression.Repeat(new Expression.Chars(CharSet.ALL), c.minLength, c.maxLength);
    }

    private static Language both(Language a, Language b) {
        return a == null ? b : a.and(b);
    }

    Language search(String pattern) {
        return RegexParser.parse(pattern, budget).search(TextEncoding.JSON_STRING, budget);
    }
}
