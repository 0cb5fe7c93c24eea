package io.chasqui.grammar;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Runs the JSON-Schema-Test-Suite against grammars, and counts. */
final class JsonSchemaTestSuite {
    private static final int MAX_SPELLINGS = 2_000;

    private static final JsonMapper JSON =
            JsonMapper.builder()
                    .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
                    .nodeFactory(JsonNodeFactory.withExactBigDecimals(true))
                    .build();

    /** What became of the groups of one file, and of the instances of those that are enforced. */
    static final class Count {
        int groups;
        int enforced;
        final Map<String, List<String>> refused = new TreeMap<>();
        final Map<String, List<String>> notEnforced = new TreeMap<>();
        int valid;
        int validAccepted;
        int invalid;
        final List<String> invalidAccepted = new ArrayList<>();
        final List<String> validRefused = new ArrayList<>();
    }

    private final GrammarCompiler compiler;
    private final SchemaOptions options;

    JsonSchemaTestSuite(SchemaOptions.Reading reading) {
        var tokenizer = new ListedTokenizer();
        this.compiler =
                new GrammarCompiler(
                        new GrammarVocabulary(tokenizer, tokenizer.end()), GrammarLimits.DEFAULT);
        this.options = new SchemaOptions(false, reading, JsonStyle.COMPACT);
    }

    Map<String, Count> run(Path folder) throws IOException {
        var counts = new TreeMap<String, Count>();
        try (var files = Files.list(folder)) {
            for (var file : files.sorted().toList()) {
                var name = file.getFileName().toString();
                if (name.endsWith(".json")) {
                    counts.put(
                            name.substring(0, name.length() - 5),
                            run(JSON.readTree(file.toFile())));
                }
            }
        }
        return counts;
    }

    private Count run(JsonNode groups) {
        var count = new Count();
        for (var group : groups) {
            run(group, count);
        }
        return count;
    }

    private void run(JsonNode group, Count count) {
        count.groups++;
        var name = group.get("description").asText();
        Grammar grammar;
        try {
            var schema = group.get("schema").toString();
            grammar = compiler.compile(new GrammarSpec.JsonSchema(schema, options));
        } catch (GrammarException e) {
            if (e.getMessage().startsWith("nothing matches")) {
                count.enforced++;
                countEmpty(group, name, count);
            } else {
                count.refused
                        .computeIfAbsent(keyword(e.getMessage()), k -> new ArrayList<>())
                        .add(name + " (" + e.getMessage() + ")");
            }
            return;
        }
        if (!grammar.notEnforced().isEmpty()) {
            for (var place : grammar.notEnforced()) {
                count.notEnforced.computeIfAbsent(keyword(place), k -> new ArrayList<>()).add(name);
            }
            return;
        }
        count.enforced++;
        for (var test : group.get("tests")) {
            var place = name + " / " + test.get("description").asText();
            boolean accepted = accepts(grammar, test.get("data"));
            count(test, accepted, place, count);
        }
    }

    private static void countEmpty(JsonNode group, String name, Count count) {
        for (var test : group.get("tests")) {
            count(test, false, name + " / " + test.get("description").asText(), count);
        }
    }

    private static void count(JsonNode test, boolean accepted, String place, Count count) {
        if (test.get("valid").asBoolean()) {
            count.valid++;
            count.validAccepted += accepted ? 1 : 0;
            if (!accepted) {
                count.validRefused.add(place);
            }
        } else {
            count.invalid++;
            if (accepted) {
                count.invalidAccepted.add(place);
            }
        }
    }

    private static String keyword(String message) {
        int colon = message.indexOf(": ");
        return colon < 0 ? message : message.substring(colon + 2).split("[ \"]")[0];
    }

    /** Whether the instance is accepted with its members in some order. */
    private static boolean accepts(Grammar grammar, JsonNode instance) {
        return spellings(instance).stream()
                .anyMatch(i -> matches(grammar, JsonText.canonical(i, JsonStyle.COMPACT)));
    }

    static boolean matches(Grammar grammar, byte[] text) {
        var space = grammar.space();
        return space.step(grammar.start(space), text).reachesBottom();
    }

    private static List<JsonNode> spellings(JsonNode value) {
        if (value.isArray()) {
            List<JsonNode> result = List.of(JSON.createArrayNode());
            for (var element : value) {
                var longer = new ArrayList<JsonNode>();
                for (var begun : result) {
                    for (var spelling : spellings(element)) {
                        if (longer.size() < MAX_SPELLINGS) {
                            var copy = JSON.createArrayNode();
                            begun.forEach(copy::add);
                            longer.add(copy.add(spelling));
                        }
                    }
                }
                result = longer;
            }
            return result;
        }
        if (value.isObject()) {
            var result = new ArrayList<JsonNode>();
            var names = new ArrayList<String>();
            value.fieldNames().forEachRemaining(names::add);
            permute(value, names, new ArrayList<>(), result);
            return result;
        }
        return List.of(value);
    }

    private static void permute(
            JsonNode value, List<String> left, List<String> order, List<JsonNode> result) {
        if (result.size() >= MAX_SPELLINGS) {
            return;
        }
        if (left.isEmpty()) {
            addMembers(value, order, result);
            return;
        }
        for (var name : List.copyOf(left)) {
            var fewer = new ArrayList<>(left);
            fewer.remove(name);
            order.add(name);
            permute(value, fewer, order, result);
            order.removeLast();
        }
    }

    private static void addMembers(JsonNode value, List<String> order, List<JsonNode> result) {
        List<JsonNode> begun = List.of(JSON.createObjectNode());
        for (var name : order) {
            var longer = new ArrayList<JsonNode>();
            for (var object : begun) {
                for (var spelling : spellings(value.get(name))) {
                    var copy = JSON.createObjectNode();
                    object.properties().forEach(m -> copy.set(m.getKey(), m.getValue()));
                    copy.set(name, spelling);
                    longer.add(copy);
                }
            }
            begun = longer;
        }
        result.addAll(begun);
    }
}
