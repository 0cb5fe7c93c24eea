package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import io.chasqui.chat.ModelRegistry;
import io.quarkus.test.junit.QuarkusTest;
import java.net.http.HttpClient;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** The server answers as its document at {@code /openapi.json} says. */
@QuarkusTest
class ApiDocumentTest extends HttpTestBase {
    private static final String DONE = "[DONE]";

    private ApiDocument document() {
        return new ApiDocument(ApiDocument.parse(get("/openapi.json").body()));
    }

    @Test
    void servesTheDocumentWithItsOwnLimits() {
        var answer = get("/openapi.json");
        assertEquals(200, answer.statusCode());
        assertEquals("application/json", answer.headers().firstValue("Content-Type").get());
        var document = document();
        assertEquals("3.1.0", document.at("/openapi").textValue());
        assertEquals(
                8,
                document.at("/components/schemas/ChatCompletionRequest/properties/n/maximum")
                        .intValue());
        var refused = post("/openapi.json", "{}");
        assertEquals(405, refused.statusCode());
        assertEquals("GET, HEAD", refused.headers().firstValue("Allow").get());
    }

    @Test
    void answersEveryDocumentedOperationAndNoOtherMethod() {
        var document = document();
        for (var path : document.at("/paths").properties()) {
            var methods = new TreeSet<String>();
            path.getValue().fieldNames().forEachRemaining(methods::add);
            for (var method : List.of("get", "post", "put", "delete", "patch")) {
                var answer =
                        send(
                                request(path.getKey().replace("{id}", TestModels.SHORT))
                                        .header("Content-Type", "application/json")
                                        .method(
                                                method.toUpperCase(Locale.ROOT),
                                                BodyPublishers.noBody())
                                        .build());
                var what = method + " " + path.getKey();
                if (methods.contains(method)) {
                    assertFalse(List.of(404, 405).contains(answer.statusCode()), what);
                    check(document, document.operation(method, path.getKey()), answer, what);
                } else {
                    assertEquals(405, answer.statusCode(), what);
                }
            }
        }
    }

    @Test
    void acceptsEveryExampleAndAnswersByTheSchema() {
        var document = document();
        for (var path : document.at("/paths").properties()) {
            var operation = path.getValue().path("post");
            for (var example : document.examples(operation).entrySet()) {
                var what = path.getKey() + " " + example.getKey();
                var schema = ApiDocument.requestSchema(operation);
                assertNull(document.complaint(schema, example.getValue()), what);
                var answer = post(path.getKey(), body(example.getValue(), TestModels.ROOMY_HASH));
                assertEquals(200, answer.statusCode(), what + answer.body());
                check(document, operation, answer, what);
            }
        }
    }

    private static String body(ObjectNode example, String model) {
        return example.deepCopy().put("model", model).toString();
    }

    @Test
    void refusesWithDocumentedErrors() {
        var document = document();
        var chat = document.operation("post", "/v1/chat/completions");
        var good = chatBody(TestModels.SHORT, "");
        Map<String, HttpResponse<String>> answers =
                Map.ofEntries(
                        Map.entry("400 no JSON", post("/v1/chat/completions", "{")),
                        Map.entry("400 unknown", chat(TestModels.SHORT, "\"x\":1")),
                        Map.entry("400 unsupported", chat(TestModels.SHORT, "\"store\":true")),
                        Map.entry("400 missing", post("/v1/chat/completions", "{}")),
                        Map.entry("400 long", chat(TestModels.SHORT, "\"max_tokens\":9999")),
                        Map.entry("404 model", chat("nobody", "")),
                        Map.entry(
                                "415 encoding",
                                post(
                                        "/v1/chat/completions",
                                        good,
                                        b -> b.header("Content-Encoding", "gzip"))),
                        Map.entry(
                                "413 large",
                                post("/v1/chat/completions", " ".repeat(JsonBody.MAX_BYTES + 1))),
                        Map.entry(
                                "431 headers",
                                post(
                                        "/v1/chat/completions",
                                        good,
                                        b ->
                                                b.version(HttpClient.Version.HTTP_1_1)
                                                        .header("x-long", "x".repeat(21_000)))),
                        Map.entry(
                                "414 path", post("/v1/chat/completions?" + "x".repeat(5000), good)),
                        Map.entry("500 early", chat(TestModels.FAILS_EARLY, "")),
                        Map.entry("503 starting", whileStarting()));
        answers.forEach(
                (what, answer) -> {
                    assertEquals(what.substring(0, 3), "" + answer.statusCode(), what);
                    check(document, chat, answer, what);
                });
    }

    private HttpResponse<String> whileStarting() {
        try {
            registry.state(ModelRegistry.State.STARTING);
            return chat(TestModels.SHORT, "");
        } finally {
            registry.state(ModelRegistry.State.READY);
        }
    }

    /** Status, media type, headers and body are as documented. */
    private static void check(
            ApiDocument document, JsonNode operation, HttpResponse<String> answer, String what) {
        var status = Integer.toString(answer.statusCode());
        var response = document.resolve(operation.path("responses").path(status));
        assertFalse(response.isMissingNode(), what + ": status " + status + " is not documented");
        for (var header : response.path("headers").properties()) {
            header(document, header.getKey(), document.resolve(header.getValue()), answer, what);
        }
        var type = answer.headers().firstValue("Content-Type").orElse("").replaceFirst(";.*", "");
        var content = response.path("content");
        if (content.isMissingNode()) {
            assertEquals("", answer.body(), what);
            return;
        }
        var schema = content.path(type).path("schema");
        assertFalse(schema.isMissingNode(), what + ": '" + type + "' is not documented");
        switch (type) {
            case "application/json" ->
                    assertNull(
                            document.complaint(schema, ApiDocument.parse(answer.body())),
                            what + answer.body());
            case "text/event-stream" -> events(document, schema, answer.body(), what);
            default -> assertFalse(answer.body().isEmpty(), what);
        }
    }

    private static void header(
            ApiDocument document,
            String name,
            JsonNode header,
            HttpResponse<String> answer,
            String what) {
        var value = answer.headers().firstValue(name);
        assertTrue(value.isPresent() || !header.path("required").asBoolean(), what + ": " + name);
        value.ifPresent(
                text -> {
                    boolean integer = header.at("/schema/type").asText().equals("integer");
                    var instance = integer ? ApiDocument.parse(text) : TextNode.valueOf(text);
                    assertNull(document.complaint(header.get("schema"), instance), what + name);
                });
    }

    /** Each event by the schema of events, and its data by the schema of the event's content. */
    private static void events(ApiDocument document, JsonNode schema, String body, String what) {
        var blocks = List.of(body.split("\n\n"));
        assertTrue(body.endsWith("data: " + DONE + "\n\n"), what);
        var alternatives = document.resolve(schema).path("oneOf");
        var chunk = document.resolve(alternatives.get(0)).at("/properties/data/contentSchema");
        assertFalse(chunk.isMissingNode(), what);
        for (var block : blocks) {
            assertTrue(block.startsWith("data: "), what + block);
            var data = block.substring("data: ".length());
            var event = ApiDocument.MAPPER.createObjectNode().put("event", "message");
            assertNull(document.complaint(schema, event.put("data", data)), what + block);
            if (!data.equals(DONE)) {
                assertNull(document.complaint(chunk, ApiDocument.parse(data)), what + block);
            }
        }
    }
}
