package io.chasqui.loader;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Streams the JSON of a model file: nesting, names, strings and numbers are bounded and nothing is
 * kept, so a hostile document costs no memory.
 */
final class HeaderJson implements AutoCloseable {
    private static final JsonFactory FACTORY =
            JsonFactory.builder()
                    .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                    .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxNestingDepth(32)
                                    .maxNameLength(1 << 12)
                                    .maxStringLength(1 << 16)
                                    .maxNumberLength(40)
                                    .build())
                    .build();

    private final MappedFile file;
    private final JsonParser parser;

    /** Reads {@code json}, a part of {@code file}. */
    HeaderJson(MappedFile file, MemorySegment json) {
        this.file = file;
        try {
            this.parser = FACTORY.createParser(new SegmentInputStream(json));
        } catch (IOException e) {
            throw malformed(e);
        }
    }

    /** Expects the start of an object. */
    void enterObject(String what) {
        if (next() != JsonToken.START_OBJECT) {
            throw file.error(what + " is not a JSON object");
        }
    }

    /** Next field of the object, or null at its end. */
    String nextField() {
        try {
            return next() == JsonToken.FIELD_NAME ? parser.currentName() : null;
        } catch (IOException e) {
            throw malformed(e);
        }
    }

    String string(String what) {
        if (next() != JsonToken.VALUE_STRING) {
            throw file.error(what + " is not a string");
        }
        try {
            return parser.getText();
        } catch (IOException e) {
            throw malformed(e);
        }
    }

    /**
     * An array of non-negative integers.
     *
     * @param most elements accepted
     */
    long[] naturals(int most, String what) {
        if (next() != JsonToken.START_ARRAY) {
            throw file.error(what + " is not an array");
        }
        var values = new long[most];
        int count = 0;
        while (next() != JsonToken.END_ARRAY) {
            if (count == most) {
                throw file.error(what + " has more than " + most + " elements");
            }
            values[count++] = natural(what);
        }
        return Arrays.copyOf(values, count);
    }

    private long natural(String what) {
        if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT) {
            throw file.error(what + " holds something other than integers");
        }
        try {
            long value = parser.getLongValue();
            if (value < 0) {
                throw file.error(what + " holds the negative number " + value);
            }
            return value;
        } catch (IOException e) {
            throw file.error(what + " holds a number that does not fit 64 bits");
        }
    }

    /** Skips the value of the field just read. */
    void skipValue() {
        try {
            next();
            parser.skipChildren();
        } catch (IOException e) {
            throw malformed(e);
        }
    }

    /** Checks that nothing but white space follows. */
    void end() {
        try {
            if (parser.nextToken() != null) {
                throw file.error("has more than one JSON value");
            }
        } catch (IOException e) {
            throw malformed(e);
        }
    }

    private JsonToken next() {
        try {
            var token = parser.nextToken();
            if (token == null) {
                throw file.error("its JSON ends early");
            }
            return token;
        } catch (IOException e) {
            throw malformed(e);
        }
    }

    private ModelFormatException malformed(IOException e) {
        var reason = e instanceof JacksonException j ? j.getOriginalMessage() : e.getMessage();
        return new ModelFormatException(file.name() + ": malformed JSON: " + reason, e);
    }

    @Override
    public void close() {
        try {
            parser.close();
        } catch (IOException e) {
            throw malformed(e);
        }
    }
}
