package io.chasqui.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ServingBenchmarkTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String TEXT =
            "data: {\"choices\":[{\"index\":0,\"text\":\"ab\",\"finish_reason\":null}]}\n\n";
    private static final String FINISH =
            "data:{\"choices\":[{\"index\":0,\"text\":\"c\",\"finish_reason\":\"length\"}]}\n\n";
    private static final String USAGE =
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}}\n\n"
                    + "data: [DONE]\n\n";

    private final List<JsonNode> bodies = new CopyOnWriteArrayList<>();
    private HttpServer server;
    private volatile int status = 200;
    private volatile String stream = TEXT + ": ping\n\n" + FINISH + USAGE;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext("/v1/models", e -> answer(e, 200, "{\"data\":[{\"id\":\"m\"}]}"));
        server.createContext(
                "/v1/completions",
                e -> {
                    bodies.add(JSON.readTree(e.getRequestBody()));
                    answer(e, status, stream);
                });
        server.start();
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    @Test
    void countsTokensFromUsageAndNotFromChunks() throws Exception {
        var result = run(false, 3, 6);
        assertEquals(6, result.completed());
        assertEquals(6 * 5, result.outputTokens());
        assertEquals(6 * 7, result.promptTokens());
        assertEquals(
                result.outputTokens() / result.seconds(), result.outputTokensPerSecond(), 1e-9);
        assertEquals(6, result.itlMillis().count(), "one gap between the two chunks with text");
        assertTrue(result.ttftMillis().max() <= result.e2eMillis().max());
    }

    @Test
    void sendsAFixedAmountOfWorkThatNoPrefixCacheKnows() throws Exception {
        run(true, 2, 4);
        assertEquals(2 + 4, bodies.size(), "a warm-up request per stream, then the measured ones");
        assertEquals(6, bodies.stream().map(b -> b.get("prompt")).distinct().count());
        for (var body : bodies) {
            assertEquals("m", body.get("model").asText());
            assertEquals(11, body.get("prompt").size());
            assertEquals(5, body.get("max_tokens").asInt());
            assertTrue(body.get("ignore_eos").asBoolean());
            assertEquals("member", body.get("extra").asText());
            assertTrue(body.get("stream_options").get("include_usage").asBoolean());
        }
    }

    @Test
    void callsAStreamWithoutFinishReasonTruncated() throws Exception {
        stream = TEXT;
        assertEquals(Map.of("truncated", 2), run(false, 1, 2).failures());
    }

    @Test
    void callsAnErrorInTheStreamAFailure() throws Exception {
        stream = TEXT + "event: error\ndata: {\"error\":{\"message\":\"no\"}}\n\n";
        assertEquals(Map.of("error event", 2), run(false, 2, 2).failures());
    }

    @Test
    void countsRefusalsByStatus() throws Exception {
        status = 429;
        var result = run(false, 2, 3);
        assertEquals(Map.of("status 429", 3), result.failures());
        assertEquals(0, result.outputTokensPerSecond());
    }

    @Test
    void saysWhenThereIsNoServer() {
        server.stop(0);
        assertThrows(IOException.class, () -> run(false, 1, 1));
    }

    private ServingBenchmark.Result run(boolean warmUp, int concurrency, int requests)
            throws Exception {
        var load =
                new ServingBenchmark.Load(
                        "http://127.0.0.1:" + server.getAddress().getPort(),
                        null,
                        null,
                        concurrency,
                        requests,
                        11,
                        5,
                        0.8,
                        1,
                        false,
                        JSON.createObjectNode().put("extra", "member"),
                        warmUp,
                        Duration.ofSeconds(20));
        try (var benchmark = new ServingBenchmark(load, new BenchProgress())) {
            return benchmark.run();
        }
    }

    private static void answer(HttpExchange exchange, int status, String body) throws IOException {
        try (exchange) {
            var bytes = body.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(status, bytes.length);
            exchange.getResponseBody().write(bytes);
        }
    }
}
