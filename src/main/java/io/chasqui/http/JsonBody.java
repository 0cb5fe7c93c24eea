package io.chasqui.http;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;

/** Reads a request's body as a JSON object, within limits that no honest request reaches. */
final class JsonBody {
    /** Most bytes of a body: one full prompt, even when every character is escaped. */
    static final int MAX_BYTES = 2 * 1024 * 1024;

    private static final int MAX_DEPTH = 64;

    private static final JsonMapper MAPPER =
            JsonMapper.builder(
                            JsonFactory.builder()
                                    .streamReadConstraints(
                                            StreamReadConstraints.builder()
                                                    .maxNestingDepth(MAX_DEPTH)
                                                    .maxStringLength(MAX_BYTES)
                                                    .maxNumberLength(64)
                                                    .maxNameLength(256)
                                                    .maxTokenCount(1_200_000)
                                                    .build())
                                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                                    .build())
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .build();

    private JsonBody() {}

    /**
     * @throws ApiException if it is no JSON object or passes a limit
     */
    static ObjectNode parse(byte[] body) {
        if (body == null || body.length == 0) {
            throw new ApiException(ApiError.invalidJson("The body is empty. Send a JSON object."));
        }
        if (body.length > MAX_BYTES) {
            throw new ApiException(tooLarge());
        }
        if (read(body) instanceof ObjectNode object) {
            return object;
        }
        throw new ApiException(ApiError.invalidJson("The body is not a JSON object."));
    }

    /**
     * Reads a JSON object that is written inside a string of a request.
     *
     * @param path where the string stands
     */
    static ObjectNode embedded(String text, String path) {
        try {
            if (MAPPER.readTree(text) instanceof ObjectNode object) {
                return object;
            }
        } catch (JsonProcessingException e) {
            // The answer is the same as for JSON that is no object.
        }
        throw ApiException.invalid(path, "'" + path + "' must be a JSON object, as a string.");
    }

    static ApiError tooLarge() {
        return ApiError.request(
                413,
                "body_too_large",
                "The body is larger than " + MAX_BYTES + " bytes. Send a shorter one.");
    }

    private static JsonNode read(byte[] body) {
        try {
            return MAPPER.readTree(body);
        } catch (JsonProcessingException e) {
            throw new ApiException(ApiError.invalidJson(problem(e)));
        } catch (IOException e) {
            throw new ApiException(ApiError.invalidJson("The body is not valid UTF-8."));
        }
    }

    /** In our own words: the parser's messages name its classes and options. */
    private static String problem(JsonProcessingException e) {
        var at = e.getLocation();
        var where = at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
        if (e instanceof StreamConstraintsException) {
            return "The JSON is nested deeper than "
                    + MAX_DEPTH
                    + " levels or has a name, number or text that is too long"
                    + where
                    + ".";
        }
        boolean duplicate =
                e instanceof JsonParseException && e.getOriginalMessage().startsWith("Duplicate");
        return (duplicate ? "The JSON has a name twice" : "The body is not valid JSON: see")
                + where
                + ".";
    }
}
