package io.chasqui.chat;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.math.MathContext;

/**
 * Text as Python makes it, where a chat template's output depends on that: {@code
 * json.dumps(ensure_ascii=False)} and {@code str.strip()}.
 */
final class PythonText {
    private static final int COMPACT = -1;

    private final StringBuilder out = new StringBuilder();
    private final int indent;

    private PythonText(int indent) {
        this.indent = indent;
    }

    /** JSON on one line, with a space after comma and colon. */
    static String json(JsonNode value) {
        return json(value, COMPACT);
    }

    /** JSON over several lines. */
    static String json(JsonNode value, int indent) {
        var text = new PythonText(indent);
        text.write(value, 1);
        return text.out.toString();
    }

    /** A JSON string. */
    static String quote(String value) {
        var text = new PythonText(COMPACT);
        text.writeString(value);
        return text.out.toString();
    }

    private void write(JsonNode value, int depth) {
        switch (value.getNodeType()) {
            case OBJECT -> writeObject(value, depth);
            case ARRAY -> writeArray(value, depth);
            case STRING -> writeString(value.textValue());
            case NUMBER ->
                    out.append(
                            value.isIntegralNumber()
                                    ? value.bigIntegerValue().toString()
                                    : repr(value.doubleValue()));
            default -> out.append(value.asText());
        }
    }

    private void writeObject(JsonNode object, int depth) {
        out.append('{');
        boolean first = true;
        for (var entry : object.properties()) {
            separate(first, depth);
            first = false;
            writeString(entry.getKey());
            out.append(": ");
            write(entry.getValue(), depth + 1);
        }
        close(first, depth, '}');
    }

    private void writeArray(JsonNode array, int depth) {
        out.append('[');
        boolean first = true;
        for (var element : array) {
            separate(first, depth);
            first = false;
            write(element, depth + 1);
        }
        close(first, depth, ']');
    }

    private void separate(boolean first, int depth) {
        if (indent == COMPACT) {
            out.append(first ? "" : ", ");
        } else {
            out.append(first ? "\n" : ",\n").repeat(" ", indent * depth);
        }
    }

    private void close(boolean empty, int depth, char bracket) {
        if (indent != COMPACT && !empty) {
            out.append('\n').repeat(" ", indent * (depth - 1));
        }
        out.append(bracket);
    }

    private void writeString(String value) {
        out.append('"');
        for (int i = 0; i < value.length(); i++) {
            escape(value.charAt(i), out);
        }
        out.append('"');
    }

    /** Writes a character as it stands in a JSON string. */
    static void escape(char c, StringBuilder out) {
        switch (c) {
            case '"' -> out.append("\\\"");
            case '\\' -> out.append("\\\\");
            case '\n' -> out.append("\\n");
            case '\r' -> out.append("\\r");
            case '\t' -> out.append("\\t");
            case '\b' -> out.append("\\b");
            case '\f' -> out.append("\\f");
            default -> {
                if (c < ' ') {
                    out.append(String.format("\\u%04x", (int) c));
                } else {
                    out.append(c);
                }
            }
        }
    }

    /** A float: the shortest digits that read back, with an exponent below 1e-4 and from 1e16. */
    static String repr(double value) {
        if (Double.isNaN(value) || Double.isInfinite(value)) {
            return Double.toString(value);
        }
        if (value == 0) {
            return 1 / value < 0 ? "-0.0" : "0.0";
        }
        var shortest = shortest(value);
        var digits = shortest.unscaledValue().abs().toString();
        int exponent = digits.length() - 1 - shortest.scale();
        var sign = value < 0 ? "-" : "";
        if (exponent < -4 || exponent >= 16) {
            var fraction = digits.length() > 1 ? "." + digits.substring(1) : "";
            return sign
                    + digits.charAt(0)
                    + fraction
                    + String.format("e%s%02d", exponent < 0 ? "-" : "+", Math.abs(exponent));
        }
        var plain = shortest.abs().toPlainString();
        return sign + plain + (plain.indexOf('.') < 0 ? ".0" : "");
    }

    private static BigDecimal shortest(double value) {
        var decimal = new BigDecimal(Double.toString(value)).stripTrailingZeros();
        // Java prefers two digits to one where they are nearer, e.g. 4.9E-324.
        var oneDigit = decimal.round(new MathContext(1));
        return oneDigit.doubleValue() == value ? oneDigit : decimal;
    }

    /** Without whitespace at both ends. */
    static String strip(String text) {
        int from = 0;
        int to = text.length();
        while (from < to && isSpace(text.charAt(from))) {
            from++;
        }
        while (to > from && isSpace(text.charAt(to - 1))) {
            to--;
        }
        return text.substring(from, to);
    }

    /** {@code str.isspace()}: separators, and the controls with a bidirectional type of space. */
    private static boolean isSpace(char c) {
        return Character.isSpaceChar(c)
                || c >= '\t' && c <= '\r'
                || c >= 0x1c && c <= 0x1f
                || c == 0x85;
    }
}
