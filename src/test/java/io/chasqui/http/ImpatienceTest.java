package io.chasqui.http;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import jakarta.inject.Inject;
import java.io.IOException;
import java.net.Socket;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Silence and slow readers, with the limits of a server that has little patience. */
@QuarkusTest
@TestProfile(ImpatienceTest.Impatient.class)
class ImpatienceTest extends HttpTestBase {
    private static final String CHAT = "/v1/chat/completions";

    @Inject MeterRegistry meters;

    /** Short limits. */
    public static final class Impatient implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of(
                    "chasqui.http.heartbeat", "200ms",
                    "chasqui.http.status-hold", "500ms",
                    "chasqui.http.write-stall", "1s");
        }
    }

    @BeforeEach
    void shut() {
        TestModels.GATE.shut();
    }

    @AfterEach
    void open() {
        TestModels.GATE.allow(500);
        awaitIdle(TestModels.GATED);
    }

    private static String readUntil(Socket socket, String end) throws IOException {
        var text = new StringBuilder();
        while (text.indexOf(end) < 0) {
            int b = socket.getInputStream().read();
            if (b < 0) {
                throw new IOException("closed after " + text);
            }
            text.append((char) b);
        }
        return text.toString();
    }

    @Test
    void aStreamThatWaitsIsCommittedAndKeptAlive() throws IOException {
        var socket = open(CHAT, chatBody(TestModels.GATED, "\"stream\":true,\"max_tokens\":3"));
        var head = readUntil(socket, "\n\n");
        assertTrue(head.startsWith("HTTP/1.1 200 "), head);
        assertTrue(head.contains("\"delta\":{\"role\":\"assistant\",\"content\":\"\"}"), head);
        assertTrue(readUntil(socket, "\n\n").contains(": ping\n\n"));
        assertTrue(readUntil(socket, "\n\n").contains(": ping\n\n"));
        TestModels.GATE.allow(500);
        var rest = readUntil(socket, "data: [DONE]\n\n");
        assertTrue(rest.contains("\"finish_reason\":\"length\""), rest);
        assertEquals(-1, rest.indexOf("\"role\""));
        close(socket);
    }

    @Test
    void anAnswerInOnePieceKeepsItsStatus() {
        var response =
                java.util.concurrent.CompletableFuture.supplyAsync(
                        () ->
                                post(
                                        CHAT,
                                        chatBody(TestModels.GATED, "\"max_tokens\":400"),
                                        b -> b.header("X-Request-Timeout-Ms", "1500")));
        while (!response.isDone()) {
            TestModels.GATE.allow(1);
            java.util.concurrent.locks.LockSupport.parkNanos(20_000_000);
        }
        assertEquals(504, response.join().statusCode());
    }

    @Test
    void aReaderThatTakesNothingIsCutOff() throws IOException {
        var counter = meters.counter("chasqui_requests_aborted", "reason", "slow_reader");
        double before = counter.count();
        var body =
                "{\"model\":\"hash\",\"prompt\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"],"
                        + "\"ignore_eos\":true,\"max_tokens\":500,\"stream\":true,\"logprobs\":20}";
        try (var socket = new Socket()) {
            socket.setReceiveBufferSize(4096);
            socket.connect(new java.net.InetSocketAddress(base.getHost(), base.getPort()));
            var bytes = body.getBytes();
            var head =
                    "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type:"
                            + " application/json\r\nContent-Length: "
                            + bytes.length
                            + "\r\n\r\n";
            // One after the other on one connection: far more than the socket's buffers hold.
            for (int i = 0; i < 10; i++) {
                socket.getOutputStream().write(head.getBytes());
                socket.getOutputStream().write(bytes);
            }
            await().until(() -> counter.count() == before + 1);
            awaitIdle(TestModels.HASH);
        }
    }
}
