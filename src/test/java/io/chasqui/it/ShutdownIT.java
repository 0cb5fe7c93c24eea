package io.chasqui.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** SIGTERM: what was accepted ends properly, and the process is gone when that is done. */
class ShutdownIT {
    private static final int SIGTERM_EXIT = 143;

    private static String body(int maxTokens) {
        return """
                {"model":"test","stream":true,"max_tokens":%d,"ignore_eos":true,"temperature":0,
                 "messages":[{"role":"user","content":"Tell me a story about a llama."}]}"""
                .formatted(maxTokens);
    }

    private static List<String> stream(ServerProcess server, int maxTokens)
            throws IOException, InterruptedException {
        var response =
                server.client()
                        .send(
                                server.post("/v1/chat/completions", body(maxTokens)),
                                BodyHandlers.ofLines());
        assertEquals(200, response.statusCode());
        try (var lines = response.body()) {
            return lines.toList();
        }
    }

    @Test
    void acceptedRequestsFinishAndTheProcessEndsWith143() throws Exception {
        try (var server = ServerProcess.start("--shutdown-timeout", "60s");
                var pool = Executors.newVirtualThreadPerTaskExecutor()) {
            var streams = new ArrayList<Future<List<String>>>();
            for (int i = 0; i < 12; i++) {
                streams.add(pool.submit((Callable<List<String>>) () -> stream(server, 60)));
            }
            awaitRunning(server, 12);
            server.terminate();
            for (var one : streams) {
                var lines = one.get(60, TimeUnit.SECONDS);
                assertTrue(lines.contains("data: [DONE]"), () -> "cut off: " + lines.getLast());
                assertFalse(lines.contains("event: error"));
            }
            assertTrue(server.process.waitFor(10, TimeUnit.SECONDS));
            assertEquals(SIGTERM_EXIT, server.process.exitValue());
        }
    }

    @Test
    void atTheDrainLimitStreamsGetTheErrorEvent() throws Exception {
        try (var server = ServerProcess.start("--shutdown-timeout", "4s");
                var pool = Executors.newVirtualThreadPerTaskExecutor()) {
            var one = pool.submit((Callable<List<String>>) () -> stream(server, 8000));
            awaitRunning(server, 1);
            server.terminate();
            var lines = one.get(30, TimeUnit.SECONDS);
            assertTrue(lines.contains("event: error"), () -> "ended with " + lines.getLast());
            assertFalse(lines.contains("data: [DONE]"));
            assertTrue(server.process.waitFor(10, TimeUnit.SECONDS));
            assertEquals(SIGTERM_EXIT, server.process.exitValue());
        }
    }

    @Test
    void afterAStormOfCancelledStreamsTheProcessIsGoneWithinASecond() throws Exception {
        try (var server = ServerProcess.start("--queue-timeout", "600s")) {
            storm(server, 600, 50);
            awaitIdle(server);
            long start = System.nanoTime();
            server.terminate();
            assertTrue(server.process.waitFor(10, TimeUnit.SECONDS));
            double seconds = (System.nanoTime() - start) / 1e9;
            assertEquals(SIGTERM_EXIT, server.process.exitValue());
            System.out.printf("600 cancelled streams, then SIGTERM: gone after %.2f s%n", seconds);
            // A request that the server still counts as open would hold it for the whole drain
            // time.
            assertTrue(seconds < 5, "the stop took " + seconds + " s");
        }
    }

    /** Opens streams and drops each connection at some moment. */
    private static void storm(ServerProcess server, int streams, int atOnce) throws Exception {
        var random = new SplittableRandom(7);
        try (var pool = Executors.newFixedThreadPool(atOnce)) {
            var all = new ArrayList<Future<?>>();
            for (int i = 0; i < streams; i++) {
                int millis = random.nextInt(200);
                boolean reset = random.nextBoolean();
                all.add(pool.submit(() -> dropAfter(server, millis, reset)));
            }
            for (var one : all) {
                one.get();
            }
        }
    }

    private static Void dropAfter(ServerProcess server, int millis, boolean reset)
            throws IOException, InterruptedException {
        try (var socket = new Socket(server.uri.getHost(), server.uri.getPort())) {
            var body = body(200).getBytes(StandardCharsets.UTF_8);
            var head =
                    "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                            + "Content-Type: application/json\r\nContent-Length: "
                            + body.length
                            + "\r\n\r\n";
            socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
            socket.getOutputStream().write(body);
            socket.setSoTimeout(Math.max(1, millis));
            readAWhile(socket.getInputStream());
            if (reset) {
                socket.setSoLinger(true, 0);
            }
        }
        return null;
    }

    private static void readAWhile(InputStream in) throws IOException {
        try {
            in.read(new byte[4096]);
        } catch (java.net.SocketTimeoutException e) {
            // time to leave
        }
    }

    private static void awaitRunning(ServerProcess server, int n) throws Exception {
        await(() -> server.metric("vllm:num_requests_running") >= n);
    }

    private static void awaitIdle(ServerProcess server) throws Exception {
        await(
                () ->
                        server.metric("vllm:num_requests_running") == 0
                                && server.metric("vllm:num_requests_waiting") == 0);
    }

    private static void await(Callable<Boolean> condition) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!condition.call()) {
            assertTrue(System.nanoTime() < end, "waited 30 s in vain");
            Thread.sleep(20);
        }
    }
}
