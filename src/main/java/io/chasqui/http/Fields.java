package io.chasqui.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashSet;
import java.util.Set;

/**
 * The members of a JSON object of a request, read by name and type. A JSON null is the same as an
 * absent member; nothing is converted from one type to another; what was not asked for by {@link
 * #rejectUnknown} is an error.
 */
final class Fields {
    private final ObjectNode node;
    private final String path;
    private final Set<String> known = new HashSet<>();

    private Fields(ObjectNode node, String path) {
        this.node = node;
        this.path = path;
    }

    static Fields of(ObjectNode body) {
        return new Fields(body, "");
    }

    /**
     * @param path where the value stands, e.g. {@code messages[2]}
     */
    static Fields of(JsonNode value, String path) {
        if (value instanceof ObjectNode object) {
            return new Fields(object, path);
        }
        throw ApiException.invalid(path, "'" + path + "' must be an object.");
    }

    /** Full path of a member. */
    String path(String name) {
        return path.isEmpty() ? name : path + "." + name;
    }

    /** The member as it is, or null. */
    JsonNode get(String name) {
        known.add(name);
        var value = node.get(name);
        return value == null || value.isNull() ? null : value;
    }

    JsonNode require(String name) {
        var value = get(name);
        if (value == null) {
            throw new ApiException(ApiError.missing(path(name)));
        }
        return value;
    }

    /** Text of at most {@code maxLength} characters, or null. */
    String text(String name, int maxLength) {
        var value = get(name);
        return value == null ? null : text(value, path(name), maxLength);
    }

    static String text(JsonNode value, String path, int maxLength) {
        if (!value.isTextual()) {
            throw ApiException.invalid(path, "'" + path + "' must be a string.");
        }
        var text = value.textValue();
        if (text.length() > maxLength && Text.length(text) > maxLength) {
            throw ApiException.invalid(
                    path, "'" + path + "' must have at most " + maxLength + " characters.");
        }
        if (!Text.isWellFormed(text)) {
            throw ApiException.invalid(path, "'" + path + "' has half a surrogate pair.");
        }
        return text;
    }

    boolean flag(String name, boolean absent) {
        var value = get(name);
        if (value == null) {
            return absent;
        }
        if (!value.isBoolean()) {
            throw wrong(name, "true or false");
        }
        return value.booleanValue();
    }

    Long integer(String name, long min, long max) {
        var value = get(name);
        return value == null ? null : integer(value, path(name), min, max);
    }

    int integer(String name, int min, int max, int absent) {
        var value = integer(name, min, max);
        return value == null ? absent : value.intValue();
    }

    static long integer(JsonNode value, String path, long min, long max) {
        boolean fits =
                value.isIntegralNumber()
                        && value.canConvertToLong()
                        && value.longValue() >= min
                        && value.longValue() <= max;
        if (!fits) {
            throw ApiException.invalid(
                    path, "'" + path + "' must be an integer from " + min + " to " + max + ".");
        }
        return value.longValue();
    }

    Double number(String name, double min, double max) {
        var value = get(name);
        return value == null ? null : number(value, path(name), min, max);
    }

    double number(String name, double min, double max, double absent) {
        var value = number(name, min, max);
        return value == null ? absent : value;
    }

    static double number(JsonNode value, String path, double min, double max) {
        // Comparisons with NaN are false: it has to be excluded first.
        boolean fits =
                value.isNumber()
                        && Double.isFinite(value.doubleValue())
                        && value.doubleValue() >= min
                        && value.doubleValue() <= max;
        if (!fits) {
            throw ApiException.invalid(
                    path, "'%s' must be a number from %s to %s.".formatted(path, min, max));
        }
        return value.doubleValue() + 0.0; // -0.0 becomes 0.0
    }

    /** An array of at most {@code maxSize} elements, or null. */
    JsonNode array(String name, int maxSize) {
        var value = get(name);
        if (value == null) {
            return null;
        }
        if (!value.isArray() || value.size() > maxSize) {
            throw wrong(name, "an array of at most " + maxSize + " elements");
        }
        return value;
    }

    /** An object of at most {@code maxSize} members, or null. */
    ObjectNode map(String name, int maxSize) {
        var value = get(name);
        if (value == null) {
            return null;
        }
        if (!(value instanceof ObjectNode object) || object.size() > maxSize) {
            throw wrong(name, "an object of at most " + maxSize + " members");
        }
        return object;
    }

    /** A nested object to be read member by member, or null. */
    Fields object(String name) {
        var value = get(name);
        return value == null ? null : of(value, path(name));
    }

    ApiException wrong(String name, String expected) {
        return ApiException.invalid(path(name), "'" + path(name) + "' must be " + expected + ".");
    }

    /** Refuses any value of a member that this server has no use for. */
    void refuse(String name, String message) {
        if (get(name) != null) {
            throw ApiException.unsupported(path(name), message);
        }
    }

    /** Refuses every member that nobody has asked for so far. */
    void rejectUnknown() {
        for (var names = node.fieldNames(); names.hasNext(); ) {
            var name = names.next();
            if (!known.contains(name)) {
                throw new ApiException(ApiError.unknown(path(Text.shown(name))));
            }
        }
    }
}
