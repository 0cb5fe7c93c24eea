package io.chasqui.http;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * Every property of a schema and of what lies in it, as {@code messages[].content}; those of
 * alternatives together.
 */
final class SchemaPaths {
    private final Function<String, Map<?, ?>> schemas;

    /**
     * @param schemas the schema that a {@code $ref} leads to
     */
    SchemaPaths(Function<String, Map<?, ?>> schemas) {
        this.schemas = schemas;
    }

    /** Of the server's own description. */
    static SchemaPaths ofServer() {
        try (var in = SchemaPaths.class.getResourceAsStream("/openapi.json")) {
            var document = new JsonMapper().readTree(in);
            return new SchemaPaths(
                    ref -> new JsonMapper().convertValue(document.at(ref.substring(1)), Map.class));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Set<String> of(String ref) {
        var paths = new TreeSet<String>();
        walk(schemas.apply(ref), "", Set.of(ref), paths);
        return paths;
    }

    private void walk(Map<?, ?> schema, String path, Set<String> open, Set<String> paths) {
        if (schema.get("$ref") instanceof String ref) {
            if (!open.contains(ref)) {
                var inside = new TreeSet<>(open);
                inside.add(ref);
                walk(schemas.apply(ref), path, inside, paths);
            }
            return;
        }
        for (var keyword : List.of("allOf", "anyOf", "oneOf")) {
            if (schema.get(keyword) instanceof List<?> parts) {
                parts.forEach(part -> walk((Map<?, ?>) part, path, open, paths));
            }
        }
        if (schema.get("items") instanceof Map<?, ?> items) {
            walk(items, path + "[]", open, paths);
        }
        if (schema.get("properties") instanceof Map<?, ?> properties) {
            properties.forEach(
                    (name, property) -> {
                        var inside = path.isEmpty() ? (String) name : path + "." + name;
                        paths.add(inside);
                        walk((Map<?, ?>) property, inside, open, paths);
                    });
        }
    }
}
