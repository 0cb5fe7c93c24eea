package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.chasqui.http.RawConnection.Answer;
import io.chasqui.http.RawConnection.Request;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpVersion;
import io.vertx.ext.web.Router;
import jakarta.inject.Inject;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** With keys configured, only probes and the page answer without one, however it is spelled. */
@QuarkusTest
@TestProfile(ApiKeysTest.WithKeys.class)
class ApiKeysTest extends HttpTestBase {
    private static final String KEY = "sk-test-1234567890";
    private static final Logger REQUEST_LOG = Logger.getLogger("io.chasqui.request");

    /** With the page, all that answers without a key, and to these verbs alone. */
    private static final Set<String> PROBES = Set.of("/livez", "/readyz", "/health");

    private static final Set<String> READS = Set.of("GET", "HEAD");
    private static final List<String> VERBS =
            List.of(
                    "GET",
                    "HEAD",
                    "POST",
                    "PUT",
                    "DELETE",
                    "PATCH",
                    "OPTIONS",
                    "TRACE",
                    "CONNECT",
                    "PROPFIND",
                    "FOO",
                    "get");

    /** One for all files of the page, which share a route. */
    private static final String PAGE_FILE = "/page/main.js";

    /** Paths that nothing is behind, some of which frameworks like to put something behind. */
    private static final List<String> NOTHING = List.of("/nowhere", "/favicon.ico");

    private static final List<String> BAD_KEYS =
            List.of(
                    "Authorization: Bearer sk-test-1234567891\r\n",
                    "Authorization: Basic " + KEY + "\r\n",
                    "x-api-key: " + KEY + "\r\nOrigin: http://localhost\r\n");

    /** Paths that the frameworks list, although we answer none of them. */
    private static final Pattern UNUSED = Pattern.compile("/page|/q|/q/.*");

    private static final int PIPELINED = 64;

    @Inject Router router;
    @Inject Vertx vertx;

    /** Keys, and the names of a host list. */
    public static final class WithKeys implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of("chasqui.api-key", KEY, "chasqui.http.allowed-hosts", "my.host");
        }
    }

    @BeforeEach
    void silence() {
        REQUEST_LOG.setLevel(Level.OFF);
    }

    @AfterEach
    void speak() {
        REQUEST_LOG.setLevel(null);
    }

    private Set<String> routes() {
        var routes = ServedRoutes.of(router, TestModels.SHORT);
        for (var known :
                List.of("/v1/chat/completions", "/v1/models/short", "/livez", "/q/metrics")) {
            assertTrue(routes.contains(known), "not listed: " + known + " in " + routes);
        }
        return routes;
    }

    /** What must become of a request without a key. */
    private enum Outcome {
        PROBE,
        PAGE,
        SHUT,
        /** No URI, or not a path from the root: refused before anybody looks at it, in one way. */
        MALFORMED,
        NO_PATH;

        /** Judged by the request's bytes, not by the server's parsers. */
        static Outcome of(Request request) {
            var target = request.target();
            if (!isUri(target)) {
                return MALFORMED;
            }
            // An absolute form's path begins with the first slash after its authority.
            var path = target.replaceFirst("^[A-Za-z]+://[^/]*/?", "/").split("\\?", 2)[0];
            if (!path.startsWith("/")) {
                return NO_PATH;
            }
            if (!READS.contains(request.verb())) {
                return SHUT;
            }
            boolean page = path.equals("/") || path.equals(PAGE_FILE);
            return page ? PAGE : PROBES.contains(path) ? PROBE : SHUT;
        }

        private static boolean isUri(String target) {
            try {
                new URI(target);
                return true;
            } catch (URISyntaxException e) {
                return false;
            }
        }
    }

    /** What a request without a key gets; for HEAD without the body. */
    private record Refusals(Answer whole, Answer head) {

        void check(Request request, Answer answer) {
            var context = request + " " + answer;
            boolean isHead = request.verb().equals("HEAD");
            switch (Outcome.of(request)) {
                case PROBE -> assertEmpty(200, answer, context);
                case PAGE -> assertEquals(200, answer.status(), context);
                case SHUT -> assertEquals(isHead ? head : whole, answer, context);
                case MALFORMED -> assertEmpty(400, answer, context);
                case NO_PATH -> assertEmpty(404, answer, context);
            }
            assertNothingForOtherSites(answer, context);
        }

        private static void assertEmpty(int status, Answer answer, String context) {
            assertEquals(status, answer.status(), context);
            assertEquals("", answer.body(), context);
        }
    }

    @Test
    void everySpellingOfEveryRouteIsShutToEveryVerb() throws IOException {
        var paths = new TreeSet<>(routes());
        paths.addAll(NOTHING);
        paths.add(PAGE_FILE);
        int tried = 0;
        try (var connection = new RawConnection(base)) {
            var refusals =
                    new Refusals(
                            connection.send("GET", "/nowhere", ""),
                            connection.send("HEAD", "/nowhere", ""));
            assertEquals(401, refusals.whole().status());
            assertEquals(401, refusals.head().status());
            assertTrue(refusals.whole().body().contains("\"code\":\"invalid_api_key\""));
            assertEquals("Bearer", refusals.whole().headers().get("www-authenticate"));
            for (var path : paths) {
                var requests = spellings(path);
                for (int i = 0; i < requests.size(); i += PIPELINED) {
                    var some = requests.subList(i, Math.min(i + PIPELINED, requests.size()));
                    var answers = connection.send(some);
                    for (int j = 0; j < some.size(); j++) {
                        refusals.check(some.get(j), answers.get(j));
                    }
                }
                tried += requests.size();
            }
        }
        System.out.printf(
                "keys: %d paths, %d verbs, %d requests%n", paths.size(), VERBS.size(), tried);
    }

    /** A path and its mutants, with each verb, without a key and with a bad one. */
    private static List<Request> spellings(String path) {
        var targets = new LinkedHashSet<>(List.of(path));
        targets.addAll(PathMutants.of(path));
        var requests = new ArrayList<Request>();
        int shut = 0;
        for (var target : targets) {
            shut += Outcome.of(new Request("POST", target, "")) == Outcome.SHUT ? 1 : 0;
            for (var verb : VERBS) {
                requests.add(new Request(verb, target, ""));
                requests.add(new Request(verb, target, BAD_KEYS.get(requests.size() / 2 % 3)));
            }
        }
        assertTrue(shut > 200, path + " has " + shut);
        return requests;
    }

    /** HTTP/2 carries a path in a way of its own, and a server may read it in a way of its own. */
    @Test
    void http2IsShutAsWell() {
        var options =
                new HttpClientOptions()
                        .setProtocolVersion(HttpVersion.HTTP_2)
                        .setHttp2ClearTextUpgrade(false)
                        .setDefaultHost("localhost")
                        .setDefaultPort(base.getPort());
        var client = vertx.createHttpClient(options);
        var answers = new ArrayList<Future<String>>();
        for (var path : List.of("/v1/models", "/v1/chat/completions", "/metrics", "/livez")) {
            for (var request : spellings(path)) {
                boolean get = request.verb().equals("GET") && request.headers().isEmpty();
                if (get && Outcome.of(request) == Outcome.SHUT) {
                    answers.add(outcome(client, request));
                }
            }
        }
        var outcomes = new TreeSet<String>();
        answers.forEach(
                answer -> outcomes.add(answer.toCompletionStage().toCompletableFuture().join()));
        client.close();
        assertEquals(Set.of("HTTP_2 401 invalid_api_key"), outcomes);
        assertTrue(answers.size() > 1000, answers.size() + " requests");
    }

    private static Future<String> outcome(HttpClient client, Request request) {
        return client.request(HttpMethod.valueOf(request.verb()), request.target())
                .compose(HttpClientRequest::send)
                .compose(
                        response ->
                                response.body()
                                        .map(
                                                body ->
                                                        response.version()
                                                                + " "
                                                                + response.statusCode()
                                                                + " "
                                                                + body.toJsonObject()
                                                                        .getJsonObject("error")
                                                                        .getString("code")));
    }

    @Test
    void noVerbIsForgotten() throws IOException {
        var preflight =
                "Authorization: Bearer "
                        + KEY
                        + "\r\nOrigin: http://localhost\r\n"
                        + "Access-Control-Request-Method: POST\r\n"
                        + "Access-Control-Request-Headers: authorization\r\n";
        try (var connection = new RawConnection(base)) {
            for (var path : routes()) {
                for (var verb : VERBS) {
                    var answer = connection.send(verb, path, preflight);
                    var context = verb + " " + path + " " + answer;
                    var allowed = answer.headers().getOrDefault("allow", "");
                    switch (answer.status()) {
                        case 200 -> assertTrue(READS.contains(verb), context);
                        case 404 -> assertTrue(UNUSED.matcher(path).matches(), context);
                        case 405 -> {
                            assertTrue(Set.of("POST", "GET, HEAD").contains(allowed), context);
                            assertFalse(List.of(allowed.split(", ")).contains(verb), context);
                        }
                        case 415 -> assertEquals("POST", verb, context);
                        default -> fail(context);
                    }
                    assertTrue(answer.status() == 405 || allowed.isEmpty(), context);
                    assertFalse(context.contains(KEY), context);
                    assertNothingForOtherSites(answer, context);
                }
            }
        }
    }

    @Test
    void aForeignNameOpensNothing() throws IOException {
        var requests = new ArrayList<Request>();
        for (var path : routes()) {
            for (var verb : VERBS) {
                for (var host :
                        List.of("evil.example", "127.0.0.1.evil.example", "localhost.", "")) {
                    requests.add(
                            new Request(verb, path, "Authorization: Bearer " + KEY + "\r\n", host));
                }
            }
        }
        try (var connection = new RawConnection(base)) {
            var answers = connection.send(requests);
            for (int i = 0; i < requests.size(); i++) {
                assertEquals(403, answers.get(i).status(), requests.get(i) + " " + answers.get(i));
            }
        }
    }

    private static void assertNothingForOtherSites(Answer answer, String context) {
        var names = answer.headers().keySet();
        assertFalse(names.stream().anyMatch(n -> n.startsWith("access-control-")), context);
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
        try (var connection = new RawConnection(base)) {
            var headers = "Content-Type: application/json\r\nContent-Length: 1000000\r\n";
            assertEquals(401, connection.send("POST", "/v1/chat/completions", headers).status());
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
