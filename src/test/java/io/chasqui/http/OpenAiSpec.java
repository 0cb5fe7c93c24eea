package io.chasqui.http;

import io.chasqui.testing.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/** The OpenAI API's own description, from the shared data. */
final class OpenAiSpec {
    private static final Pattern NEXT_SCHEMA = Pattern.compile("(?m)^ {0,4}\\S");

    private final String text;
    private final Map<String, Map<?, ?>> schemas = new HashMap<>();

    private OpenAiSpec(String text) {
        this.text = text;
    }

    static OpenAiSpec load() throws IOException {
        return new OpenAiSpec(Files.readString(SharedData.path("data/openai/openapi.yaml")));
    }

    /** One schema. To parse them all takes seconds. */
    private Map<?, ?> schema(String name) {
        return schemas.computeIfAbsent(
                name,
                n -> {
                    int begin = text.indexOf("\n    " + n + ":\n", text.indexOf("\n  schemas:\n"));
                    var block = text.substring(begin + 1);
                    var next = NEXT_SCHEMA.matcher(block);
                    boolean last = !next.find(1);
                    Map<?, ?> parsed =
                            new Yaml(new SafeConstructor(new LoaderOptions()))
                                    .load(last ? block : block.substring(0, next.start()));
                    return (Map<?, ?>) parsed.get(n);
                });
    }

    /** Every property of a schema and of what lies in it. */
    Set<String> paths(String schema) {
        return new SchemaPaths(ref -> schema(ref.substring(ref.lastIndexOf('/') + 1)))
                .of("#/components/schemas/" + schema);
    }
}
