package io.chasqui.http;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.util.concurrent.ThreadLocalRandom;

/** Padding that hides how long a chunk's text is from those who see only encrypted bytes. */
final class Obfuscation {
    private static final String LETTERS =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    private static final int UNIT = 16;

    private final boolean wanted;

    Obfuscation(boolean wanted) {
        this.wanted = wanted;
    }

    /** Fills text and padding up to a multiple of 16 characters. */
    void writeTo(JsonGenerator json, String text) throws IOException {
        if (!wanted) {
            return;
        }
        var padding = new StringBuilder();
        for (int length = UNIT - text.length() % UNIT; length > 0; length--) {
            padding.append(LETTERS.charAt(ThreadLocalRandom.current().nextInt(LETTERS.length())));
        }
        json.writeStringField("obfuscation", padding.toString());
    }
}
