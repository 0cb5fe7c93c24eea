package io.chasqui.grammar;

import java.nio.charset.StandardCharsets;

/**
 * White space of generated JSON: always the same, so that a model cannot go on with it for ever.
 */
public enum JsonStyle {
    /** {@code {"a":1,"b":[2,3]}}. */
    COMPACT(",", ":"),
    /** {@code {"a": 1, "b": [2, 3]}}. */
    SPACED(", ", ": ");

    private final byte[] itemSeparator;
    private final byte[] keySeparator;

    JsonStyle(String itemSeparator, String keySeparator) {
        this.itemSeparator = itemSeparator.getBytes(StandardCharsets.US_ASCII);
        this.keySeparator = keySeparator.getBytes(StandardCharsets.US_ASCII);
    }

    byte[] itemSeparator() {
        return itemSeparator;
    }

    byte[] keySeparator() {
        return keySeparator;
    }
}
