package io.chasqui.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What a value must satisfy all at once: the keywords of several schemas, merged. Alternatives have
 * been taken out already; those left to decide are in {@link #choices}.
 */
final class Constraints {
    Set<JsonType> types = JsonType.all();

    /** The only values there are, if not null. */
    List<JsonNode> values;

    final List<JsonNode> excludedValues = new ArrayList<>();

    BigDecimal minimum;
    boolean minimumExclusive;
    BigDecimal maximum;
    boolean maximumExclusive;
    final Set<BigDecimal> divisors = new LinkedHashSet<>();

    int minLength;
    int maxLength = Integer.MAX_VALUE;
    final Set<String> patterns = new LinkedHashSet<>();
    final Set<String> excludedPatterns = new LinkedHashSet<>();
    final Set<String> formats = new LinkedHashSet<>();

    /** Schemas with keywords about elements, which only make sense together. */
    final List<Subschema> arrayParts = new ArrayList<>();

    int minItems;
    int maxItems = Integer.MAX_VALUE;

    /** Schemas with keywords about members, which only make sense together. */
    final List<Subschema> objectParts = new ArrayList<>();

    final Set<String> required = new LinkedHashSet<>();
    final List<Subschema> propertyNames = new ArrayList<>();
    int minProperties;
    int maxProperties = Integer.MAX_VALUE;

    /** Of each of these lists one schema must hold too. */
    final List<List<Subschema>> choices = new ArrayList<>();

    /** Schemas that are in, so that none is merged twice. */
    final Set<Subschema> merged = new LinkedHashSet<>();

    Constraints copy() {
        var copy = new Constraints();
        copy.types = types.isEmpty() ? EnumSet.noneOf(JsonType.class) : EnumSet.copyOf(types);
        copy.values = values;
        copy.excludedValues.addAll(excludedValues);
        copy.minimum = minimum;
        copy.minimumExclusive = minimumExclusive;
        copy.maximum = maximum;
        copy.maximumExclusive = maximumExclusive;
        copy.divisors.addAll(divisors);
        copy.minLength = minLength;
        copy.maxLength = maxLength;
        copy.patterns.addAll(patterns);
        copy.excludedPatterns.addAll(excludedPatterns);
        copy.formats.addAll(formats);
        copy.arrayParts.addAll(arrayParts);
        copy.minItems = minItems;
        copy.maxItems = maxItems;
        copy.objectParts.addAll(objectParts);
        copy.required.addAll(required);
        copy.propertyNames.addAll(propertyNames);
        copy.minProperties = minProperties;
        copy.maxProperties = maxProperties;
        copy.choices.addAll(choices);
        copy.merged.addAll(merged);
        return copy;
    }

    /** Elements that a copy takes memory for. */
    int size() {
        return excludedValues.size()
                + divisors.size()
                + patterns.size()
                + excludedPatterns.size()
                + formats.size()
                + arrayParts.size()
                + objectParts.size()
                + required.size()
                + propertyNames.size()
                + choices.size()
                + merged.size();
    }

    boolean isImpossible() {
        return types.isEmpty() || values != null && values.isEmpty();
    }

    void restrictTypes(Set<JsonType> allowed) {
        types.retainAll(allowed);
    }

    void atLeast(BigDecimal bound, boolean exclusive) {
        int order = minimum == null ? 1 : bound.compareTo(minimum);
        if (order > 0 || order == 0 && exclusive) {
            minimum = bound;
            minimumExclusive = exclusive;
        }
    }

    void atMost(BigDecimal bound, boolean exclusive) {
        int order = maximum == null ? -1 : bound.compareTo(maximum);
        if (order < 0 || order == 0 && exclusive) {
            maximum = bound;
            maximumExclusive = exclusive;
        }
    }

    boolean anyNumber() {
        return minimum == null && maximum == null && divisors.isEmpty();
    }

    boolean anyString() {
        return minLength == 0
                && maxLength == Integer.MAX_VALUE
                && patterns.isEmpty()
                && excludedPatterns.isEmpty()
                && formats.isEmpty()
                && excludedValues.isEmpty();
    }

    boolean anyArray() {
        return arrayParts.isEmpty() && minItems == 0 && maxItems == Integer.MAX_VALUE;
    }

    boolean anyObject() {
        return objectParts.isEmpty()
                && required.isEmpty()
                && propertyNames.isEmpty()
                && minProperties == 0
                && maxProperties == Integer.MAX_VALUE;
    }

    boolean anyValue() {
        return values == null
                && types.size() == JsonType.values().length
                && anyNumber()
                && anyString()
                && anyArray()
                && anyObject();
    }
}
