package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Every failure has its status, its headers and the error object, whoever finds it. */
@QuarkusTest
class ErrorsTest extends HttpTestBase {
    private static final String CHAT = "/v1/chat/completions";

    private static JsonNode check(
            HttpResponse<String> response, int status, String type, String code, String param) {
        assertEquals(status, response.statusCode(), response.body());
        assertTrue(
                response.headers()
                        .firstValue("Content-Type")
                        .orElse("")
                        .startsWith("application/json"),
                response.headers().toString());
        assertTrue(response.headers().firstValue("x-request-id").isPresent());
        var error = object(response.body());
        assertEquals(type, error.get("type").textValue());
        assertEquals(code, error.get("code").textValue());
        assertEquals(param, error.get("param").textValue());
        return error;
    }

    private static JsonNode object(String body) {
        try {
            var root = new ObjectMapper().readTree(body);
            assertEquals(1, root.size(), body);
            var error = root.get("error");
            var names = new TreeSet<String>();
            error.fieldNames().forEachRemaining(names::add);
            assertEquals(Set.of("message", "type", "param", "code"), names);
            var message = error.get("message").textValue();
            for (var leak : List.of("java.", "io.chasqui", "com.", "Exception", "/work", "0x")) {
                assertFalse(message.contains(leak), message);
            }
            return error;
        } catch (IOException e) {
            throw new AssertionError(body, e);
        }
    }

    private static void invalid(HttpResponse<String> response, int status, String code) {
        check(response, status, "invalid_request_error", code, null);
    }

    @Test
    void routes() {
        invalid(get("/nowhere"), 404, "not_found");
        invalid(get("/v1"), 404, "not_found");
        invalid(post("/v1/chat/completions/x", "{}"), 404, "not_found");
        var responses = post("/v1/responses", "{\"model\":\"x\",\"input\":\"hi\"}");
        invalid(responses, 404, "not_found");
        assertTrue(responses.body().contains("useResponses: false"), responses.body());
        for (var later : List.of("/v1/embeddings", "/v1/moderations", "/v1/messages")) {
            var response = post(later, "{}");
            invalid(response, 404, "not_found");
            assertTrue(response.body().contains("not supported yet"), response.body());
        }
    }

    @Test
    void methods() {
        for (var path :
                List.of("/v1/chat/completions", "/v1/completions", "/tokenize", "/detokenize")) {
            var response = get(path);
            invalid(response, 405, "method_not_allowed");
            assertTrue(response.headers().firstValue("Allow").orElse("").contains("POST"), path);
        }
        var models = post("/v1/models", "{}");
        invalid(models, 405, "method_not_allowed");
        assertTrue(models.headers().firstValue("Allow").orElse("").contains("GET"));
        for (var path : List.of("/livez", "/readyz", "/health", "/metrics")) {
            invalid(post(path, "{}"), 405, "method_not_allowed");
        }
    }

    @Test
    void mediaTypes() {
        for (var path :
                List.of("/v1/chat/completions", "/v1/completions", "/tokenize", "/detokenize")) {
            var text =
                    request(path)
                            .header("Content-Type", "text/plain")
                            .POST(BodyPublishers.ofString("{}"));
            invalid(send(text.build()), 415, "unsupported_media_type");
            var none = request(path).POST(BodyPublishers.ofString("{}"));
            invalid(send(none.build()), 415, "unsupported_media_type");
            var gzip =
                    request(path)
                            .header("Content-Type", "application/json")
                            .header("Content-Encoding", "gzip")
                            .POST(BodyPublishers.ofString("{}"));
            invalid(send(gzip.build()), 415, "unsupported_encoding");
        }
        var charset =
                request("/tokenize")
                        .header("Content-Type", "application/json; charset=utf-8")
                        .POST(BodyPublishers.ofString("{\"prompt\":\"x\"}"));
        assertEquals(200, send(charset.build()).statusCode());
    }

    @Test
    void bodies() {
        invalid(post("/v1/chat/completions", ""), 400, "invalid_json");
        invalid(post("/v1/chat/completions", "{"), 400, "invalid_json");
        invalid(post("/v1/chat/completions", "[1]"), 400, "invalid_json");
        var large = "{\"model\":\"" + "x".repeat(JsonBody.MAX_BYTES) + "\"}";
        invalid(post("/v1/chat/completions", large), 413, "body_too_large");
        var chunked =
                request("/v1/completions")
                        .header("Content-Type", "application/json")
                        .POST(
                                BodyPublishers.ofInputStream(
                                        () -> new java.io.ByteArrayInputStream(large.getBytes())));
        invalid(send(chunked.build()), 413, "body_too_large");
    }

    @Test
    void headersThatAreTooLarge() throws IOException {
        assertEquals(
                431,
                rawStatus(
                        "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-A: "
                                + "a".repeat(30_000)
                                + "\r\n\r\n"));
        assertEquals(
                414,
                rawStatus("GET /" + "a".repeat(5000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    }

    /** Status of a request that is cut short by its answer, after a look at the body. */
    private int rawStatus(String request) throws IOException {
        try (var socket = new Socket(base.getHost(), base.getPort())) {
            socket.setSoTimeout(5000);
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            var in = socket.getInputStream();
            var text = new StringBuilder();
            for (int b = in.read(); b >= 0; b = in.read()) {
                text.append((char) b);
                if (text.toString().endsWith("}}")) {
                    break;
                }
            }
            object(text.substring(text.indexOf("\r\n\r\n") + 4));
            assertTrue(text.toString().contains("x-request-id: "), text.toString());
            return Integer.parseInt(text.substring(9, 12));
        }
    }

    @Test
    void modelsAndFormats() {
        check(chat("nobody", ""), 404, "invalid_request_error", "model_not_found", "model");
        for (var name : List.of("../etc/passwd", "SHORT", "short ", "%2e%2e", "")) {
            assertEquals(404, chat(name, "").statusCode(), name);
        }
        check(get("/v1/models/nobody"), 404, "invalid_request_error", "model_not_found", "model");
        var plain = chat(TestModels.PLAIN, "");
        check(plain, 400, "invalid_request_error", "invalid_value", "model");
        assertTrue(plain.body().contains("--chat-format"), plain.body());
    }

    @Test
    void fields() {
        check(chat("short", "\"x\":1"), 400, "invalid_request_error", "unknown_parameter", "x");
        check(
                chat("short", "\"tools\":[{}]"),
                400,
                "invalid_request_error",
                "missing_required_parameter",
                "tools[0].type");
        check(
                chat("short", "\"temperature\":1e400"),
                400,
                "invalid_request_error",
                "invalid_value",
                "temperature");
        check(chat("short", "\"\\ud800\":1"), 400, "invalid_request_error", "invalid_json", null);
        check(
                chat("short", "\"logit_bias\":{\"259\":1}"),
                400,
                "invalid_request_error",
                "invalid_value",
                "logit_bias.259");
        assertEquals(200, chat("short", "\"logit_bias\":{\"258\":1}").statusCode());
    }

    @Test
    void contextLength() {
        var asked = chat("short", "\"max_tokens\":492");
        var error =
                check(asked, 400, "invalid_request_error", "context_length_exceeded", "messages");
        assertEquals(
                "This model's maximum context length is 512 tokens. However, you requested 513 tokens"
                        + " (21 in the messages, 492 in the completion). Please reduce the length of the"
                        + " messages or completion.",
                error.get("message").textValue());
        assertEquals(200, chat("short", "\"max_tokens\":491").statusCode());
        check(
                chat("short", "\"max_completion_tokens\":2147483647"),
                400,
                "invalid_request_error",
                "context_length_exceeded",
                "messages");
        check(
                completion("short", "\"prompt\":\"" + "x".repeat(512) + "\""),
                400,
                "invalid_request_error",
                "context_length_exceeded",
                "prompt");
        var last = completion("short", "\"prompt\":\"" + "x".repeat(511) + "\"");
        assertEquals(200, last.statusCode());
        assertTrue(last.body().contains("\"completion_tokens\":1,"), last.body());
    }

    @Test
    void everyAcceptHeaderGetsItsAnswer() {
        for (var accept :
                List.of("*/*", "application/json", "text/event-stream", "text/html", "x/y;q=0.1")) {
            for (var stream : List.of("true", "false")) {
                var response =
                        post(
                                "/v1/chat/completions",
                                chatBody("short", "\"stream\":" + stream),
                                builder -> builder.header("Accept", accept));
                assertEquals(200, response.statusCode(), accept);
                var type = response.headers().firstValue("Content-Type").get();
                assertEquals(stream.equals("true"), type.startsWith("text/event-stream"), type);
            }
        }
    }

    @Test
    void requestIds() {
        assertEquals("my.id-1_", requestId("my.id-1_"));
        for (var bad : List.of("a b", "ä", "x".repeat(129), "a;b")) {
            assertTrue(requestId(bad).matches("[0-9a-f]{32}"), bad);
        }
    }

    private String requestId(String given) {
        var builder = request("/v1/models").header("x-request-id", given);
        return send(builder.build()).headers().firstValue("x-request-id").get();
    }

    @Test
    void brokenLogitsBeforeTheFirstToken() {
        for (var stream : List.of("true", "false")) {
            var response = chat(TestModels.FAILS_EARLY, "\"stream\":" + stream);
            check(response, 500, "server_error", "numerical_error", null);
            assertEquals("false", response.headers().firstValue("x-should-retry").get());
        }
        TestModels.BREAKING_GATE.allow(100);
        var late = chat(TestModels.FAILS_LATE, "");
        check(late, 500, "server_error", "numerical_error", null);
    }

    @Test
    void brokenLogitsAfterTheFirstToken() throws IOException {
        var gate = TestModels.BREAKING_GATE;
        gate.shut();
        var socket = open(CHAT, chatBody(TestModels.FAILS_LATE, "\"stream\":true"));
        gate.allow(1);
        var answer = new StringBuilder();
        var in = socket.getInputStream();
        while (!answer.toString().contains("\"content\":\"x\"")) {
            answer.append((char) in.read());
        }
        gate.allow(100);
        while (!answer.toString().endsWith("\r\n0\r\n\r\n")) {
            answer.append((char) in.read());
        }
        socket.close();
        assertTrue(answer.toString().startsWith("HTTP/1.1 200 "), answer.toString());
        int event = answer.indexOf("\nevent: error\ndata: {\"error\":{\"message\":");
        assertTrue(event > 0, answer.toString());
        int data = answer.indexOf("{", event);
        var error = object(answer.substring(data, answer.indexOf("\n\n", data)));
        assertEquals("numerical_error", error.get("code").textValue());
        assertFalse(answer.toString().contains("[DONE]"));
        assertFalse(answer.toString().contains("finish_reason\":\""));
        awaitIdle(TestModels.FAILS_LATE);
    }

    @Test
    void deadline() {
        TestModels.GATE.shut();
        var response =
                java.util.concurrent.CompletableFuture.supplyAsync(
                        () ->
                                post(
                                        "/v1/chat/completions",
                                        chatBody(TestModels.GATED, "\"max_tokens\":400"),
                                        b -> b.header("X-Request-Timeout-Ms", "200")));
        while (!response.isDone()) {
            TestModels.GATE.allow(1);
            pause();
        }
        check(response.join(), 504, "server_error", "deadline_exceeded", null);
        assertEquals("false", response.join().headers().firstValue("x-should-retry").get());
        for (var bad : List.of("0", "-1", "x", "1.5", "86400001")) {
            var refused =
                    post(
                            "/v1/chat/completions",
                            chatBody("short", ""),
                            b -> b.header("X-Request-Timeout-Ms", bad));
            check(refused, 400, "invalid_request_error", "invalid_value", "X-Request-Timeout-Ms");
        }
    }

    private static void pause() {
        try {
            Thread.sleep(5);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void queueTimeoutIsALateRefusal() {
        TestModels.GATE.shut();
        var running =
                open(
                        "/v1/chat/completions",
                        chatBody(TestModels.GATED, "\"stream\":true,\"max_tokens\":400"));
        var engine = TestModels.engine(registry, TestModels.GATED);
        TestModels.GATE.allow(1);
        org.awaitility.Awaitility.await().until(() -> engine.stats().running() == 1);
        var second =
                java.util.concurrent.CompletableFuture.supplyAsync(
                        () ->
                                post(
                                        "/v1/chat/completions",
                                        chatBody(TestModels.GATED, "\"stream\":true"),
                                        b -> b.header("x-stainless-read-timeout", "1")));
        while (!second.isDone()) {
            TestModels.GATE.allow(1);
            pause();
        }
        close(running);
        TestModels.GATE.allow(1000);
        check(second.join(), 429, "rate_limit_error", "queue_timeout", null);
        assertTrue(
                second.join()
                        .headers()
                        .firstValue("Retry-After")
                        .get()
                        .matches("[1-9]|[1-5][0-9]|60"));
        assertTrue(second.join().headers().firstValue("retry-after-ms").get().endsWith("000"));
        awaitIdle(TestModels.GATED);
    }

    @Test
    void fullQueue() {
        TestModels.GATE.shut();
        var engine = TestModels.engine(registry, TestModels.GATED);
        var body = chatBody(TestModels.GATED, "\"stream\":true,\"max_tokens\":4");
        var held = new java.util.ArrayList<Socket>();
        held.add(open("/v1/chat/completions", body));
        org.awaitility.Awaitility.await()
                .until(() -> engine.queued() == 0 && TestModels.GATE.isWaiting());
        for (int i = 0; i < TestModels.QUEUE; i++) {
            held.add(open("/v1/chat/completions", body));
        }
        org.awaitility.Awaitility.await().until(() -> engine.queued() == TestModels.QUEUE);
        var refused = post("/v1/chat/completions", body);
        check(refused, 429, "rate_limit_error", "queue_full", null);
        assertTrue(refused.headers().firstValue("Retry-After").isPresent());
        held.forEach(HttpTestBase::close);
        TestModels.GATE.allow(1000);
        awaitIdle(TestModels.GATED);
    }
}
