package io.chasqui.http;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quarkus.test.junit.QuarkusTest;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** One line per request, with nothing in it that a caller wrote. */
@QuarkusTest
class RequestLogTest extends HttpTestBase {
    private static final String CANARY = "canary7391";

    private final List<String> lines = new CopyOnWriteArrayList<>();
    private final Handler handler =
            new Handler() {
                @Override
                public void publish(LogRecord logged) {
                    lines.add(logged.getLoggerName() + " " + logged.getMessage());
                }

                @Override
                public void flush() {}

                @Override
                public void close() {}
            };

    @BeforeEach
    void listen() {
        Logger.getLogger("").addHandler(handler);
    }

    @AfterEach
    void stopListening() {
        Logger.getLogger("").removeHandler(handler);
    }

    private String onlyLine(String id) {
        await().until(() -> lines.stream().anyMatch(l -> l.contains("id=" + id)));
        var found = lines.stream().filter(l -> l.startsWith("io.chasqui.request ")).toList();
        assertEquals(1, found.size(), found.toString());
        return found.getFirst();
    }

    @Test
    void aGenerationHasItsCounts() {
        var response =
                post(
                        "/v1/chat/completions",
                        chatBody(
                                TestModels.SHORT,
                                "\"user\":\"" + CANARY + "\",\"cache_salt\":\"log\""),
                        b ->
                                b.header("x-request-id", "log-1")
                                        .header(
                                                "traceparent",
                                                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        assertEquals(200, response.statusCode());
        var line = onlyLine("log-1");
        assertTrue(
                line.matches(
                        "io\\.chasqui\\.request id=log-1 method=POST path=/v1/chat/completions status=200"
                                + " trace=4bf92f3577b34da6a3ce929d0e0e4736 ms=\\d+ model=short prompts=1"
                                + " prompt_tokens=21 cached_tokens=0 completion_tokens=5 outcome=stop"
                                + " ttft_ms=\\d+"),
                line);
    }

    @Test
    void aClientThatLeavesIsNamedSo() {
        TestModels.GATE.shut();
        var socket = open("/v1/chat/completions", chatBody(TestModels.GATED, "\"max_tokens\":400"));
        await().until(TestModels.GATE::isWaiting);
        close(socket);
        await().until(() -> lines.stream().anyMatch(l -> l.contains("outcome=disconnect")));
        TestModels.GATE.allow(500);
        awaitIdle(TestModels.GATED);
    }

    @Test
    void noTextOfTheCallerIsLogged() {
        var messages =
                "{\"model\":\"short\",\"messages\":[{\"role\":\"user\",\"content\":\""
                        + CANARY
                        + "\"}]";
        var bodies =
                List.of(
                        messages + "}",
                        messages + ",\"" + CANARY + "\":1}",
                        messages
                                + ",\"stop\":5,\"metadata\":{\""
                                + CANARY
                                + "\":\""
                                + CANARY
                                + "\"}}",
                        messages,
                        "{\"model\":\"" + CANARY + "\",\"messages\":[]}",
                        messages + ",\"temperature\":\"" + CANARY + "\"}");
        for (var body : bodies) {
            post(
                    "/v1/chat/completions?" + CANARY,
                    body,
                    b ->
                            b.header("x-request-id", CANARY + "\t${jndi:ldap://x}")
                                    .header("traceparent", CANARY)
                                    .header("User-Agent", CANARY)
                                    .header("Authorization", "Bearer " + CANARY));
        }
        get("/" + CANARY);
        await().until(
                        () ->
                                lines.stream()
                                                .filter(l -> l.startsWith("io.chasqui.request "))
                                                .count()
                                        == bodies.size() + 1);
        lines.forEach(line -> assertFalse(line.contains(CANARY), line));
        assertFalse(get("/metrics").body().contains(CANARY));
    }
}
