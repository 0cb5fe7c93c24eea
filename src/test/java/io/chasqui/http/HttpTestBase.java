package io.chasqui.http;

import io.chasqui.chat.ModelRegistry;
import io.quarkus.test.common.http.TestHTTPResource;
import jakarta.inject.Inject;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.function.Consumer;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeEach;

/** A running server with {@link TestModels}, and plain ways to talk to it. */
abstract class HttpTestBase {
    /** One for all tests: each has a thread of its own. */
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    @Inject ModelRegistry registry;

    @TestHTTPResource("/")
    URI base;

    @BeforeEach
    void serve() {
        TestModels.serve(registry);
    }

    HttpResponse<String> send(HttpRequest request) {
        try {
            return CLIENT.send(request, HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(base.resolve(path));
    }

    HttpResponse<String> get(String path) {
        return send(request(path).build());
    }

    HttpResponse<String> post(String path, String json) {
        return post(path, json, builder -> {});
    }

    HttpResponse<String> post(String path, String json, Consumer<HttpRequest.Builder> more) {
        var builder =
                request(path)
                        .header("Content-Type", "application/json")
                        .POST(HttpRequest.BodyPublishers.ofString(json));
        more.accept(builder);
        return send(builder.build());
    }

    HttpResponse<String> chat(String model, String members) {
        return post("/v1/chat/completions", chatBody(model, members));
    }

    static String chatBody(String model, String members) {
        return "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s}"
                .formatted(model, members.isEmpty() ? "" : "," + members);
    }

    HttpResponse<String> completion(String model, String members) {
        return post("/v1/completions", "{\"model\":\"%s\",%s}".formatted(model, members));
    }

    /** Sends a POST whose answer nobody waits for. */
    Socket open(String path, String json) {
        try {
            var socket = new Socket(base.getHost(), base.getPort());
            var body = json.getBytes(StandardCharsets.UTF_8);
            var head =
                    "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                    .formatted(path)
                            + "Content-Length: %d\r\n\r\n".formatted(body.length);
            socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
            socket.getOutputStream().write(body);
            socket.getOutputStream().flush();
            return socket;
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    void awaitIdle(String model) {
        Awaitility.await()
                .until(() -> TestModels.isIdle(TestModels.engine(registry, model).stats()));
    }

    /**
     * Waits for the end of what {@link TestModels#GATED} does for a client that has left, letting
     * steps through one by one: the news may take a while, and needs one to be looked at.
     */
    void awaitAborted() {
        Awaitility.await()
                .pollInterval(Duration.ofMillis(50))
                .until(
                        () -> {
                            TestModels.GATE.allow(1);
                            return TestModels.isIdle(
                                    TestModels.engine(registry, TestModels.GATED).stats());
                        });
    }
}
