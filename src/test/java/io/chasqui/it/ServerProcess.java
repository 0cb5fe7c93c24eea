package io.chasqui.it;

import io.chasqui.testing.SharedData;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The packaged server with the default model, as a process of its own. */
final class ServerProcess implements AutoCloseable {
    private static final long START_SECONDS = 60;

    final URI uri;
    final Process process;
    private final Path log;
    private final HttpClient client = HttpClient.newHttpClient();

    private ServerProcess(URI uri, Process process, Path log) {
        this.uri = uri;
        this.process = process;
        this.log = log;
    }

    /** Starts {@code chasqui serve} on the default model and waits until it is ready. */
    static ServerProcess start(String... options) throws IOException, InterruptedException {
        var arguments = new ArrayList<String>(List.of(SharedData.defaultModel().toString()));
        arguments.addAll(List.of(options));
        var server = launch(Map.of(), arguments);
        server.awaitReady();
        return server;
    }

    /** Starts {@code chasqui serve} with these arguments and environment variables. */
    static ServerProcess launch(Map<String, String> environment, List<String> arguments)
            throws IOException {
        int port;
        try (var socket = new ServerSocket(0)) {
            port = socket.getLocalPort();
        }
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(System.getProperty("quarkus.test.arg-line").trim().split("\\s+")));
        command.add("-Djava.library.path=" + System.getProperty("java.library.path"));
        command.addAll(List.of("-jar", "target/quarkus-app/quarkus-run.jar", "serve"));
        command.addAll(List.of("--port", String.valueOf(port), "--served-model-name", "test"));
        command.addAll(arguments);
        var log = Files.createTempFile("chasqui-server", ".log");
        var builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
        builder.environment().putAll(environment);
        return new ServerProcess(URI.create("http://127.0.0.1:" + port), builder.start(), log);
    }

    void awaitReady() throws IOException, InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
        while (System.nanoTime() < end) {
            if (!process.isAlive()) {
                throw new IllegalStateException("the server ended:\n" + log());
            }
            try {
                if (get("/readyz").statusCode() == 200) {
                    return;
                }
            } catch (IOException e) {
                // not listening yet
            }
            Thread.sleep(50);
        }
        process.destroyForcibly();
        throw new IllegalStateException("not ready after " + START_SECONDS + " s:\n" + log());
    }

    java.net.http.HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return client.send(
                HttpRequest.newBuilder(uri.resolve(path)).build(), BodyHandlers.ofString());
    }

    HttpRequest post(String path, String json) {
        return HttpRequest.newBuilder(uri.resolve(path))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(json))
                .build();
    }

    HttpClient client() {
        return client;
    }

    /** Value of a metric without further labels than the usual ones; the sum over its series. */
    double metric(String name) throws IOException, InterruptedException {
        return get("/metrics")
                .body()
                .lines()
                .filter(l -> l.startsWith(name + "{") || l.startsWith(name + " "))
                .mapToDouble(l -> Double.parseDouble(l.substring(l.lastIndexOf(' ') + 1)))
                .sum();
    }

    /** SIGTERM, as Kubernetes and systemd send it. */
    void terminate() {
        process.destroy();
    }

    String log() throws IOException {
        return Files.readString(log);
    }

    @Override
    public void close() {
        process.destroyForcibly();
    }
}
