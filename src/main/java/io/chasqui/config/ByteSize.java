package io.chasqui.config;

import java.util.Locale;
import java.util.regex.Pattern;

/** An amount of memory, written as a number with an optional unit: {@code 512M}, {@code 1.5GiB}. */
public record ByteSize(long bytes) {
    private static final Pattern FORM = Pattern.compile("(\\d+(?:\\.\\d+)?)\\s*([kmgt]?)i?b?");
    private static final double LIMIT = 1L << 50;
    private static final String UNITS = "kmgt";

    /**
     * Reads a size; K, M, G and T are powers of 1024.
     *
     * @throws IllegalArgumentException if the text is not a size
     */
    public static ByteSize of(String text) {
        var match = FORM.matcher(text.strip().toLowerCase(Locale.ROOT));
        if (!match.matches()) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not a size; write for example 512M or 2G");
        }
        int power = match.group(2).isEmpty() ? 0 : UNITS.indexOf(match.group(2)) + 1;
        double bytes = Double.parseDouble(match.group(1)) * (1L << 10 * power);
        if (bytes > LIMIT) {
            throw new IllegalArgumentException("'" + text + "' is more than any machine has");
        }
        return new ByteSize((long) bytes);
    }

    @Override
    public String toString() {
        return bytes + " bytes";
    }
}
