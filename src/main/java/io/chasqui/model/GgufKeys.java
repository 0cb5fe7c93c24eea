package io.chasqui.model;

import io.chasqui.loader.ModelFormatException;
import java.util.Map;

/** Metadata of a GGUF file, read by key and type. */
final class GgufKeys {
    private final String file;
    private final Map<String, Object> metadata;

    GgufKeys(String file, Map<String, Object> metadata) {
        this.file = file;
        this.metadata = metadata;
    }

    boolean has(String key) {
        return metadata.containsKey(key);
    }

    int integer(String key, int min, int max) {
        long value = required(key, Long.class, "an integer");
        if (value < min || value > max) {
            throw error(key, "is " + value + "; it must be from " + min + " to " + max);
        }
        return (int) value;
    }

    int integer(String key, int min, int max, int absent) {
        return has(key) ? integer(key, min, max) : absent;
    }

    double number(String key) {
        double value = required(key, Double.class, "a floating-point number");
        if (!Double.isFinite(value)) {
            throw error(key, "is not a finite number");
        }
        return value;
    }

    double number(String key, double absent) {
        return has(key) ? number(key) : absent;
    }

    /** Text, or null. */
    String text(String key) {
        return has(key) ? required(key, String.class, "a string") : null;
    }

    /** An array of strings, or null. */
    String[] texts(String key) {
        return has(key) ? required(key, String[].class, "an array of strings") : null;
    }

    /** An array of integers, or null. */
    long[] integers(String key) {
        return has(key) ? required(key, long[].class, "an array of integers") : null;
    }

    private <T> T required(String key, Class<T> type, String description) {
        var value = metadata.get(key);
        if (value == null) {
            throw error(key, "is missing");
        }
        if (!type.isInstance(value)) {
            throw error(key, "is not " + description);
        }
        return type.cast(value);
    }

    ModelFormatException error(String key, String reason) {
        return new ModelFormatException(file + ": key '" + key + "' " + reason);
    }
}
