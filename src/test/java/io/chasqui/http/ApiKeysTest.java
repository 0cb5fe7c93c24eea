package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/** With keys configured, nothing but the probes answers without one, however it is spelled. */
@QuarkusTest
@TestProfile(ApiKeysTest.WithKeys.class)
class ApiKeysTest extends HttpTestBase {
    private static final String KEY = "sk-test-1234567890";
    private static final Set<String> OPEN = Set.of("/livez", "/readyz", "/health");
    private static final List<String> VERBS =
            List.of("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO");
    private static final List<String> ROUTES =
            List.of(
                    "/v1/chat/completions",
                    "/v1/completions",
                    "/v1/models",
                    "/v1/models/short",
                    "/tokenize",
                    "/detokenize",
                    "/metrics",
                    "/q/metrics",
                    "/livez",
                    "/readyz",
                    "/health",
                    "/",
                    "/nowhere");

    /** Keys, and the names of a host list. */
    public static final class WithKeys implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of("chasqui.api-key", KEY, "chasqui.http.allowed-hosts", "my.host");
        }
    }

    /** Spellings that some server, proxy or filter has at some time taken for the same path. */
    private static Set<String> mutants(String path) {
        var all = new LinkedHashSet<String>();
        var rest = path.substring(1);
        List<UnaryOperator<String>> prefixes =
                List.of(
                        p -> "/" + p,
                        p -> "//" + p,
                        p -> "/./" + p,
                        p -> "/x/../" + p,
                        p -> "/;x/" + p,
                        p -> "/%2e/" + p,
                        p -> "/%2f" + p,
                        p -> "/livez/../" + p,
                        p -> "/livez/..;/" + p,
                        p -> "/livez%2f..%2f" + p,
                        p -> "/%5c" + p,
                        p -> "/livez;/" + p);
        List<UnaryOperator<String>> suffixes =
                List.of(
                        p -> p,
                        p -> p + "/",
                        p -> p + "//",
                        p -> p + "/.",
                        p -> p + "/..",
                        p -> p + "/livez",
                        p -> p + ";",
                        p -> p + ";x=/livez",
                        p -> p + "%3b",
                        p -> p + "%20",
                        p -> p + "%00",
                        p -> p + "?x=/livez",
                        p -> p + "?",
                        p -> p + "%3f",
                        p -> p + "%23",
                        p -> p + "/../livez",
                        p -> p + ".json",
                        String::toUpperCase,
                        p -> p.replace("/", "//"),
                        p -> p.replace("/", "%2f"),
                        p -> p.replace("/", "%5c"),
                        p -> p.replace("o", "%6f").replace("l", "%6c"));
        for (var prefix : prefixes) {
            for (var suffix : suffixes) {
                all.add(prefix.apply(suffix.apply(rest)));
            }
        }
        all.remove("//"); // has no path, and is refused as malformed before anything looks at it
        return all;
    }

    private record Answer(String status, String head, String body) {}

    /** One connection, kept open, on which a request can say what it likes. */
    private static final class Connection implements AutoCloseable {
        private final Socket socket;
        private final InputStream in;

        Connection(java.net.URI base) throws IOException {
            socket = new Socket(base.getHost(), base.getPort());
            socket.setSoTimeout(10_000);
            in = new BufferedInputStream(socket.getInputStream());
        }

        Answer send(String verb, String target, String headers) throws IOException {
            var request =
                    verb + " " + target + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n";
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            var head = new StringBuilder();
            while (head.length() < 4 || !head.substring(head.length() - 4).equals("\r\n\r\n")) {
                int b = in.read();
                if (b < 0) {
                    throw new IOException("closed after " + head);
                }
                head.append((char) b);
            }
            var lines = new ArrayList<>(List.of(head.toString().strip().split("\r\n")));
            var status = lines.removeFirst().substring(9, 12);
            int length =
                    lines.stream()
                            .filter(l -> l.toLowerCase().startsWith("content-length: "))
                            .mapToInt(l -> Integer.parseInt(l.substring(16)))
                            .findFirst()
                            .orElse(0);
            var body = verb.equals("HEAD") ? "" : new String(in.readNBytes(length));
            lines.removeIf(l -> l.startsWith("x-request-id: "));
            return new Answer(status, String.join("\n", lines), body);
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    @Test
    void everySpellingOfEveryRouteIsShut() throws IOException {
        var keys =
                List.of(
                        "",
                        "Authorization: Bearer sk-test-1234567891\r\n",
                        "Authorization: Basic " + KEY + "\r\n");
        int tried = 0;
        try (var connection = new Connection(base)) {
            var expected = connection.send("GET", "/nowhere", "");
            var expectedHead = connection.send("HEAD", "/nowhere", "");
            assertEquals("401", expected.status());
            assertTrue(expected.body().contains("\"code\":\"invalid_api_key\""));
            assertTrue(expected.head().contains("WWW-Authenticate: Bearer"));
            for (var route : ROUTES) {
                var mutants = mutants(route);
                assertTrue(mutants.size() >= 200 || route.equals("/"), route);
                for (var target : mutants) {
                    var verb = VERBS.get(tried % VERBS.size());
                    var key = keys.get(tried % keys.size());
                    if (OPEN.contains(target.split("\\?")[0]) && tried % VERBS.size() < 2) {
                        verb = "POST";
                    }
                    var answer = connection.send(verb, target, key);
                    var wanted = verb.equals("HEAD") ? expectedHead : expected;
                    assertEquals(wanted, answer, verb + " " + target + " " + key);
                    tried++;
                }
                for (var verb : VERBS) {
                    boolean probe = OPEN.contains(route) && Set.of("GET", "HEAD").contains(verb);
                    var answer = connection.send(verb, route, "");
                    assertEquals(probe ? "200" : "401", answer.status(), verb + " " + route);
                }
            }
        }
        assertTrue(tried > 2600, "" + tried);
    }

    @Test
    void theRightKeyOpens() {
        var response = send(request("/v1/models").header("Authorization", "Bearer " + KEY).build());
        assertEquals(200, response.statusCode());
        response = send(request("/v1/models").header("Authorization", "bearer  " + KEY).build());
        assertEquals(200, response.statusCode());
        assertEquals(401, get("/metrics").statusCode());
        response = send(request("/nowhere").header("Authorization", "Bearer " + KEY).build());
        assertEquals(404, response.statusCode());
    }

    @Test
    void aBodyIsNotWaitedFor() throws IOException {
        try (var connection = new Connection(base)) {
            var headers = "Content-Type: application/json\r\nContent-Length: 1000000\r\n";
            assertEquals("401", connection.send("POST", "/v1/chat/completions", headers).status());
        }
    }

    @Test
    void foreignHostsAreTurnedAway() throws IOException {
        try (var socket = new Socket(base.getHost(), base.getPort())) {
            var request = "GET /livez HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            var answer = new String(socket.getInputStream().readAllBytes());
            assertTrue(answer.startsWith("HTTP/1.1 403 "), answer);
            assertTrue(answer.contains("\"type\":\"permission_error\""), answer);
        }
        try (var socket = new Socket(base.getHost(), base.getPort())) {
            var request = "GET /livez HTTP/1.1\r\nHost: MY.host:99\r\nConnection: close\r\n\r\n";
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            var answer = new String(socket.getInputStream().readAllBytes());
            assertTrue(answer.startsWith("HTTP/1.1 200 "), answer);
        }
    }
}
