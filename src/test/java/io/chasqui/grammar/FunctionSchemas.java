package io.chasqui.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/** The parameters of the functions that the Berkeley Function Calling Leaderboard asks for. */
public final class FunctionSchemas {
    private static final JsonMapper JSON = new JsonMapper();

    private static final Map<String, String> PYTHON_TYPES =
            Map.of("dict", "object", "float", "number", "tuple", "array");

    private FunctionSchemas() {}

    /** Function schemas of the BFCL files, each once, as JSON Schema. */
    public static Set<String> of(Path folder) throws IOException {
        var schemas = new LinkedHashSet<String>();
        try (var files = Files.list(folder)) {
            for (var file : files.sorted().toList()) {
                if (!file.toString().endsWith(".json")) {
                    continue;
                }
                for (var line : Files.readAllLines(file)) {
                    for (var function : JSON.readTree(line).get("function")) {
                        var parameters = function.get("parameters").deepCopy();
                        withJsonTypes(parameters);
                        schemas.add(parameters.toString());
                    }
                }
            }
        }
        return schemas;
    }

    private static void withJsonTypes(JsonNode schema) {
        if (!(schema instanceof ObjectNode object)) {
            return;
        }
        var type = object.path("type").asText();
        if (type.equals("any")) {
            object.remove("type");
        } else if (PYTHON_TYPES.containsKey(type)) {
            object.put("type", PYTHON_TYPES.get(type));
        }
        object.path("properties").forEach(FunctionSchemas::withJsonTypes);
        withJsonTypes(object.path("items"));
        withJsonTypes(object.path("additionalProperties"));
    }
}
