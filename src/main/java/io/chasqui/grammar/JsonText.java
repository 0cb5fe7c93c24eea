package io.chasqui.grammar;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;

/** JSON as this package reads and writes it: numbers exact, no duplicate keys. */
final class JsonText {
    private static final int MAX_NUMBER_LENGTH = 400;

    private JsonText() {}

    /** The parser's own messages name its classes and options. */
    private static String place(JsonProcessingException e) {
        var at = e.getLocation();
        return at == null ? "" : ": see line " + at.getLineNr() + ", column " + at.getColumnNr();
    }

    /**
     * @throws GrammarException if it is not JSON, has duplicate keys or nests too deeply
     */
    static JsonNode read(String text, GrammarLimits limits) {
        int nesting = limits.nesting() * 2;
        try {
            return mapper(nesting).readTree(text);
        } catch (StreamConstraintsException e) {
            throw new GrammarException(
                    "the schema is nested deeper than "
                            + nesting
                            + " levels or has a name, number or text that is too long"
                            + place(e));
        } catch (JsonProcessingException e) {
            throw new GrammarException("the schema cannot be read as JSON" + place(e));
        } catch (NumberFormatException e) {
            throw new GrammarException("the schema holds a number beyond all bounds");
        }
    }

    private static JsonMapper mapper(int nesting) {
        var mapper =
                JsonMapper.builder()
                        .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
                        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                        .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
                        .nodeFactory(JsonNodeFactory.withExactBigDecimals(true))
                        .build();
        mapper.getFactory()
                .setStreamReadConstraints(
                        StreamReadConstraints.builder()
                                .maxNestingDepth(nesting)
                                .maxNumberLength(MAX_NUMBER_LENGTH)
                                .build());
        return mapper;
    }

    /** The one way this package writes a value: keys in their order, numbers as short as can be. */
    static byte[] canonical(JsonNode value, JsonStyle style) {
        var out = new ByteArrayOutputStream();
        write(value, style, out);
        return out.toByteArray();
    }

    private static void write(JsonNode value, JsonStyle style, ByteArrayOutputStream out) {
        if (value.isObject()) {
            boolean first = true;
            out.write('{');
            for (var member : value.properties()) {
                if (!first) {
                    out.writeBytes(style.itemSeparator());
                }
                first = false;
                out.writeBytes(string(member.getKey()));
                out.writeBytes(style.keySeparator());
                write(member.getValue(), style, out);
            }
            out.write('}');
        } else if (value.isArray()) {
            out.write('[');
            for (int i = 0; i < value.size(); i++) {
                if (i > 0) {
                    out.writeBytes(style.itemSeparator());
                }
                write(value.get(i), style, out);
            }
            out.write(']');
        } else if (value.isTextual()) {
            out.writeBytes(string(value.textValue()));
        } else if (value.isNumber()) {
            out.writeBytes(number(value.decimalValue()).getBytes(StandardCharsets.US_ASCII));
        } else {
            out.writeBytes(value.asText().getBytes(StandardCharsets.US_ASCII));
        }
    }

    /** With its quotes. */
    static byte[] string(String text) {
        var out = new ByteArrayOutputStream();
        out.write('"');
        out.writeBytes(TextEncoding.JSON_STRING.bytes(text));
        out.write('"');
        return out.toByteArray();
    }

    /** Without exponent, unless that would take very many digits. */
    static String number(BigDecimal value) {
        var stripped = value.stripTrailingZeros();
        boolean plain = Math.abs((long) stripped.scale()) + stripped.precision() <= 80;
        return plain ? stripped.toPlainString() : stripped.toString().replace("E+", "e");
    }
}
