package io.chasqui.model;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.chasqui.loader.ModelFormatException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** One JSON object of a model folder, read by key; a key that holds null counts as absent. */
final class ConfigJson {
    private static final long MAX_BYTES = 1 << 20;
    private static final ObjectMapper MAPPER =
            JsonMapper.builder(
                            JsonFactory.builder()
                                    .streamReadConstraints(
                                            StreamReadConstraints.builder()
                                                    .maxNestingDepth(32)
                                                    .maxNumberLength(100)
                                                    .build())
                                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                                    .build())
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .build();

    private final String file;
    private final String path;
    private final JsonNode node;

    private ConfigJson(String file, String path, JsonNode node) {
        this.file = file;
        this.path = path;
        this.node = node;
    }

    /**
     * @throws ModelFormatException if the file is absent, too long or not one JSON object
     */
    static ConfigJson read(Path path) {
        var file = path.getFileName().toString();
        try {
            if (!Files.isRegularFile(path)) {
                throw new ModelFormatException(path + ": no such file");
            }
            if (Files.size(path) > MAX_BYTES) {
                throw new ModelFormatException(file + ": is longer than " + MAX_BYTES + " bytes");
            }
            var node = MAPPER.readTree(Files.readAllBytes(path));
            if (node == null || !node.isObject()) {
                throw new ModelFormatException(file + ": is not a JSON object");
            }
            return new ConfigJson(file, "", node);
        } catch (JacksonException e) {
            throw new ModelFormatException(file + ": malformed JSON: " + e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw new ModelFormatException(path + ": cannot be read: " + e, e);
        }
    }

    boolean has(String key) {
        return node.hasNonNull(key);
    }

    int integer(String key, int min, int max) {
        var value = required(key);
        if (!value.isIntegralNumber() || !value.canConvertToLong()) {
            throw error(key, "is not an integer");
        }
        long number = value.longValue();
        if (number < min || number > max) {
            throw error(key, "is " + number + "; it must be from " + min + " to " + max);
        }
        return (int) number;
    }

    int integer(String key, int min, int max, int absent) {
        return has(key) ? integer(key, min, max) : absent;
    }

    double number(String key) {
        var value = required(key);
        if (!value.isNumber() || !Double.isFinite(value.doubleValue())) {
            throw error(key, "is not a finite number");
        }
        return value.doubleValue();
    }

    Double numberOrNull(String key) {
        return has(key) ? (Double) number(key) : null;
    }

    boolean flag(String key) {
        if (!has(key)) {
            return false;
        }
        if (!node.get(key).isBoolean()) {
            throw error(key, "is not true or false");
        }
        return node.get(key).booleanValue();
    }

    /** Text, or null. */
    String text(String key) {
        if (!has(key)) {
            return null;
        }
        if (!node.get(key).isTextual()) {
            throw error(key, "is not a string");
        }
        return node.get(key).textValue();
    }

    /** A nested object, or null. */
    ConfigJson object(String key) {
        if (!has(key)) {
            return null;
        }
        if (!node.get(key).isObject()) {
            throw error(key, "is not an object");
        }
        return new ConfigJson(file, path + key + ".", node.get(key));
    }

    /** One string or several. */
    List<String> texts(String key) {
        var texts = new ArrayList<String>();
        for (var element : elements(key)) {
            if (!element.isTextual()) {
                throw error(key, "holds something other than strings");
            }
            texts.add(element.textValue());
        }
        return texts;
    }

    /** One token id or several, each from 0 to {@code vocab - 1}. */
    List<Integer> tokenIds(String key, int vocab) {
        var ids = new ArrayList<Integer>();
        for (var element : elements(key)) {
            if (!element.isInt() || element.intValue() < 0 || element.intValue() >= vocab) {
                throw error(key, "holds something other than token ids below " + vocab);
            }
            ids.add(element.intValue());
        }
        return ids;
    }

    private Iterable<JsonNode> elements(String key) {
        if (!has(key)) {
            return List.of();
        }
        var value = node.get(key);
        return value.isArray() ? value : List.of(value);
    }

    private JsonNode required(String key) {
        if (!has(key)) {
            throw error(key, "is missing");
        }
        return node.get(key);
    }

    ModelFormatException error(String key, String reason) {
        return new ModelFormatException(file + ": " + path + key + " " + reason);
    }
}
