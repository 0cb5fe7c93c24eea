package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.chasqui.http.Conformance.Endpoint;
import io.chasqui.http.Conformance.Row;
import io.chasqui.http.Conformance.Verdict;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every parameter of the API: that there is a row for it, and that its row is true. */
@QuarkusTest
class ConformanceTest extends HttpTestBase {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Path TESTS = Path.of("src/test/java");

    static List<Row> rows() {
        return Conformance.rows();
    }

    private HttpResponse<String> ask(Row row, String members) {
        var endpoint = row.endpoint();
        return endpoint == Endpoint.MODELS
                ? get(endpoint.path + members)
                : post(endpoint.path, RequestMembers.object(endpoint.base, members));
    }

    /** What must not change: choices or tokens. */
    private static JsonNode essence(HttpResponse<String> response) throws JsonProcessingException {
        var body = JSON.readTree(response.body());
        return body.has("choices") ? body.get("choices") : body;
    }

    @ParameterizedTest
    @MethodSource("rows")
    void acceptedRequestsAreAnswered(Row row) throws JsonProcessingException {
        assertTrue(row.verdict() == Verdict.REFUSED || !row.accepts().isEmpty(), "none accepted");
        var twin =
                row.endpoint() == Endpoint.MODELS
                        ? null
                        : RequestMembers.object(row.endpoint().base, row.twin());
        for (var members : row.accepts()) {
            var response = ask(row, members);
            assertEquals(200, response.statusCode(), members + ": " + response.body());
            if (row.verdict() != Verdict.HONOURED) {
                var without = post(row.endpoint().path, twin);
                assertEquals(essence(without), essence(response), members);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("rows")
    void othersAreErrorsThatNameTheParameter(Row row) throws JsonProcessingException {
        assertFalse(row.rejects().isEmpty(), "none refused");
        for (var reject : row.rejects()) {
            var response = ask(row, reject.members());
            var what = reject.members() + ": " + response.body();
            assertEquals(reject.status(), response.statusCode(), what);
            var error = JSON.readTree(response.body()).get("error");
            assertEquals("invalid_request_error", error.get("type").textValue(), what);
            assertEquals(reject.code(), error.get("code").textValue(), what);
            assertEquals(reject.param(), error.get("param").textValue(), what);
        }
    }

    @Test
    void everyPropertyOfTheSpecificationHasARow() throws IOException {
        var spec = OpenAiSpec.load();
        assertCovered(spec, "CreateChatCompletionRequest", Endpoint.CHAT_COMPLETIONS, 100);
        assertCovered(spec, "CreateCompletionRequest", Endpoint.COMPLETIONS, 20);
    }

    @Test
    void rowsAndTheServersOwnDescriptionNameTheSame() {
        var document = SchemaPaths.ofServer();
        var schemas =
                Map.of(
                        Endpoint.CHAT_COMPLETIONS, "ChatCompletionRequest",
                        Endpoint.COMPLETIONS, "CompletionRequest",
                        Endpoint.TOKENIZE, "TokenizeRequest",
                        Endpoint.DETOKENIZE, "DetokenizeRequest");
        schemas.forEach(
                (endpoint, schema) -> {
                    var rows = Conformance.rows(endpoint);
                    var paths = document.of("#/components/schemas/" + schema);
                    assertEquals(List.of(), missing(paths, rows), "rows of " + endpoint.path);
                    var named =
                            rows.stream()
                                    .filter(row -> row.verdict() != Verdict.REFUSED)
                                    .map(Row::path)
                                    .filter(path -> !paths.contains(path));
                    assertEquals(List.of(), named.toList(), "described of " + endpoint.path);
                });
    }

    private static List<String> missing(Set<String> paths, List<Row> rows) {
        return paths.stream().filter(p -> rows.stream().noneMatch(r -> r.covers(p))).toList();
    }

    private static void assertCovered(
            OpenAiSpec spec, String schema, Endpoint endpoint, int atLeast) {
        var paths = spec.paths(schema);
        assertEquals(
                List.of(),
                missing(paths, Conformance.rows(endpoint)),
                "rows of " + endpoint.resource());
        assertTrue(paths.size() >= atLeast, schema + " has " + paths);
    }

    @Test
    void noRowComesTwice() {
        var names = rows().stream().map(Row::toString).toList();
        assertEquals(names.stream().distinct().toList(), names);
    }

    @Test
    void whatIsHonouredIsShownByATestThatExists() throws IOException {
        for (var row : rows()) {
            assertTrue(
                    row.verdict() != Verdict.HONOURED || !row.tests().isEmpty(),
                    row + " is shown by no test");
            for (var test : row.tests()) {
                assertTrue(exists(test), row + ": there is no test " + test);
            }
        }
    }

    /** Whether a class of that name has a test of that name. */
    private static boolean exists(String test) throws IOException {
        var parts = test.split("\\.");
        try (var files = Files.walk(TESTS)) {
            return files.filter(f -> f.endsWith(parts[0] + ".java"))
                    .map(ConformanceTest::classOf)
                    .flatMap(ConformanceTest::methods)
                    .anyMatch(
                            m ->
                                    m.getName().equals(parts[1])
                                            && Arrays.stream(m.getAnnotations())
                                                    .anyMatch(ConformanceTest::isTest));
        }
    }

    private static boolean isTest(java.lang.annotation.Annotation annotation) {
        return annotation instanceof Test || annotation instanceof ParameterizedTest;
    }

    private static Stream<java.lang.reflect.Method> methods(Class<?> type) {
        return type == Object.class
                ? Stream.empty()
                : Stream.concat(
                        Arrays.stream(type.getDeclaredMethods()), methods(type.getSuperclass()));
    }

    private static Class<?> classOf(Path file) {
        var name = TESTS.relativize(file).toString().replace(".java", "").replace('/', '.');
        try {
            return Class.forName(name, false, ConformanceTest.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void thePageSaysWhatTheTableSays() throws IOException {
        assertEquals(
                ConformancePage.page(),
                Files.readString(ConformancePage.PAGE),
                "run ConformancePage.main to write docs/conformance.md anew");
    }
}
