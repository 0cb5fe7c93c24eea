package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonPointer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the readers of requests know, and what the OpenAPI document lists, is the same. */
class DocumentedFieldsTest {
    private static final ApiDocument DOCUMENT = ApiDocument.ofSources();

    /** Rules between values that no schema can say; the document says them in words. */
    private static final List<String> BEYOND_SCHEMAS =
            List.of(
                    "' must have 1 to 1024 bytes.",
                    "'best_of' must be equal to 'n'.",
                    "continue_final_message' must be used with an assistant message at the end.",
                    "tool_call_id' must be the id of an earlier tool call.",
                    "function.arguments' must be a JSON object, as a string.",
                    "function.name' must be the name of one of the 'tools'.",
                    "' is the name of an earlier tool.");

    /** The bodies that are read without a model. */
    enum Reader {
        CHAT("/v1/chat/completions", body -> ChatCompletionRequest.read(body, 8)),
        COMPLETION("/v1/completions", body -> CompletionRequest.read(body, 8));

        final JsonNode operation;
        final JsonNode schema;
        final Consumer<ObjectNode> read;

        Reader(String path, Consumer<ObjectNode> read) {
            operation = DOCUMENT.operation("post", path);
            schema = ApiDocument.requestSchema(operation);
            this.read = read;
        }

        /** Why it refuses a body, or null. */
        ApiError refusal(ObjectNode body) {
            try {
                read.accept(body);
                return null;
            } catch (ApiException e) {
                return e.error();
            }
        }
    }

    @Test
    void examplesHaveEveryDocumentedMember() {
        var used = new IdentityHashMap<JsonNode, Set<String>>();
        var schemas = new ArrayList<JsonNode>();
        for (var path : DOCUMENT.at("/paths")) {
            var operation = path.path("post");
            schemas.add(ApiDocument.requestSchema(operation));
            for (var example : DOCUMENT.examples(operation).values()) {
                DOCUMENT.visitObjects(
                        schemas.getLast(),
                        example,
                        (closed, at) ->
                                example.at(at)
                                        .fieldNames()
                                        .forEachRemaining(add(used, closed)::add));
            }
        }
        for (var schema : schemas) {
            for (var closed : DOCUMENT.closedSchemas(schema)) {
                assertEquals(ApiDocument.members(closed), used.get(closed), closed.toString());
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void readersKnowWhatIsDocumentedAndRefuseByNameWhatElseTheyKnow(Reader reader) {
        var known = new IdentityHashMap<JsonNode, Set<String>>();
        for (var example : DOCUMENT.examples(reader.operation).values()) {
            var recording = (ObjectNode) RecordingObject.of(example);
            assertNull(reader.refusal(recording), example.toString());
            DOCUMENT.visitObjects(
                    reader.schema,
                    example,
                    (closed, at) -> {
                        var asked = ((RecordingObject) recording.at(at)).asked();
                        add(known, closed).addAll(asked);
                        for (var name : asked) {
                            if (!ApiDocument.members(closed).contains(name)) {
                                assertRefused(reader, example, at, name);
                            }
                        }
                    });
        }
        known.forEach(
                (closed, names) -> {
                    var documented = ApiDocument.members(closed);
                    assertTrue(names.containsAll(documented), documented + " but " + names);
                });
    }

    private static void assertRefused(
            Reader reader, ObjectNode example, JsonPointer at, String name) {
        for (var value : List.of("true", "1", "\"x\"", "[{}]", "{\"x\":1}")) {
            var body = example.deepCopy();
            ((ObjectNode) body.at(at)).set(name, ApiDocument.parse(value));
            var error = reader.refusal(body);
            assertEquals("unsupported_parameter", error == null ? null : error.code(), name);
            assertTrue(error.param().endsWith(name), error.param());
        }
    }

    @ParameterizedTest
    @EnumSource
    void readersAcceptWhatTheSchemaAccepts(Reader reader) {
        var values = DOCUMENT.awkwardValues();
        var done = new IdentityHashMap<JsonNode, Set<String>>();
        var mistakes = new ArrayList<String>();
        for (var example : DOCUMENT.examples(reader.operation).values()) {
            DOCUMENT.visitObjects(
                    reader.schema,
                    example,
                    (closed, at) -> {
                        for (var name : ApiDocument.members(closed)) {
                            if (example.at(at).has(name) && add(done, closed).add(name)) {
                                for (var mutant : mutants(example, at, name, values)) {
                                    compare(reader, mutant, at + "/" + name, mistakes);
                                }
                            }
                        }
                    });
        }
        assertEquals(List.of(), mistakes);
    }

    /** Bodies with another value of a member, with none, and with a member that nobody knows. */
    private static List<ObjectNode> mutants(
            ObjectNode example, JsonPointer at, String name, List<JsonNode> values) {
        var mutants = new ArrayList<ObjectNode>();
        var all = new ArrayList<>(values);
        all.addAll(DOCUMENT.resized(example.at(at).get(name)));
        for (var value : all) {
            var mutant = example.deepCopy();
            ((ObjectNode) mutant.at(at)).set(name, value);
            mutants.add(mutant);
        }
        var without = example.deepCopy();
        ((ObjectNode) without.at(at)).remove(name);
        mutants.add(without);
        var unknown = example.deepCopy();
        ((ObjectNode) unknown.at(at)).set("x" + name, TextNode.valueOf("x"));
        mutants.add(unknown);
        return mutants;
    }

    private static void compare(
            Reader reader, ObjectNode body, String changed, List<String> mistakes) {
        var complaint = DOCUMENT.complaint(reader.schema, body);
        var refusal = reader.refusal(body);
        boolean agree = (complaint == null) == (refusal == null);
        boolean beyond =
                complaint == null
                        && refusal != null
                        && BEYOND_SCHEMAS.stream().anyMatch(refusal.message()::endsWith);
        if (!agree && !beyond) {
            mistakes.add(
                    "%s in %.500s: schema says %s, server says %s%n"
                            .formatted(changed, body, complaint, refusal));
        }
    }

    private static Set<String> add(Map<JsonNode, Set<String>> sets, JsonNode key) {
        return sets.computeIfAbsent(key, _ -> new TreeSet<>());
    }
}
