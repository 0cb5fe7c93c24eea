package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.chasqui.executor.RecallingExecutor;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What one key's requests say never reaches another's answers, the metrics or the log: each request
 * carries words of its own in every field that takes text.
 */
@QuarkusTest
@TestProfile(TwoKeysTest.Open.class)
@Timeout(60)
class TwoKeysTest extends HttpTestBase {
    private static final List<String> KEYS = List.of("sk-alpha-31415926", "sk-beta-27182818");

    /** Repeats its prompt, as its KV cache holds it, from a cache that is always short. */
    private static final String RECALLS = "recalls";

    private static final int ROUNDS = 6;
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Two keys; metrics are open, and all addresses of the machine are listened on. */
    public static final class Open implements QuarkusTestProfile {
        @Override
        public Map<String, String> getConfigOverrides() {
            return Map.of(
                    "chasqui.api-key",
                    String.join(",", KEYS),
                    "chasqui.http.open-metrics",
                    "true",
                    "quarkus.http.host",
                    "0.0.0.0");
        }
    }

    @BeforeEach
    void serveRecalling() {
        TestModels.WRITER_GATE.allow(1000);
        if (registry.find(RECALLS).isEmpty()) {
            int blocks = TestModels.BLOCKS / 4;
            var executor = new RecallingExecutor(blocks, TestModels.BLOCK_SIZE);
            registry.add(TestModels.model(RECALLS, executor, TestModels.MAX_MODEL_LEN, blocks, 64));
        }
    }

    private HttpResponse<String> post(int key, String path, String json, String header) {
        return post(
                path,
                json,
                request ->
                        request.header("Authorization", "Bearer " + KEYS.get(key))
                                .header("User-Agent", header)
                                .header("OpenAI-Organization", header)
                                .header("tracestate", "a=" + header)
                                .header("endpoint-load-metrics-format", header));
    }

    /** A request's own words. */
    private record Canary(int key, int number) {
        private static final Pattern ANY = Pattern.compile("canary-\\d-\\d{5}");

        /** Says which field it is in, so that a failure shows it. */
        String in(String field) {
            return this + "-" + field;
        }

        @Override
        public String toString() {
            return "canary-%d-%05d".formatted(key, number);
        }

        /** Another's words in a text, or null. */
        String foreign(String text) {
            var words = ANY.matcher(text);
            while (words.find()) {
                if (!words.group().equals(toString())) {
                    return text.substring(words.start(), Math.min(text.length(), words.end() + 20));
                }
            }
            return null;
        }
    }

    /** Bodies, by path, that are well-formed and not; each with the canary in all its text. */
    private static List<Map.Entry<String, String>> requests(Canary canary) {
        var texts =
                """
                "user":"%1$s-user","stop":["%1$s-stop"],"cache_salt":"%1$s-salt","safety_identifier":"%1$s-id",\
                "prompt_cache_key":"%1$s-cachekey","metadata":{"%1$s-key":"%1$s-value"}"""
                        .formatted(canary);
        var messages =
                """
                "messages":[{"role":"system","content":"%1$s-system"},\
                {"role":"user","name":"%1$s-name","content":"%1$s-question"},\
                {"role":"assistant","content":"%1$s-answer"},\
                {"role":"user","content":[{"type":"text","text":"%1$s-part"}]}]"""
                        .formatted(canary);
        var schema =
                """
                "response_format":{"type":"json_schema","json_schema":{"name":"%1$s-schema",\
                "description":"%1$s-about","schema":{"type":"object","title":"%1$s-title",\
                "properties":{"%1$s-property":{"enum":["%1$s-enum"]}},"required":["%1$s-property"]}}}"""
                        .formatted(canary);
        var tools =
                """
                "tools":[{"type":"function","function":{"name":"%1$s-tool","description":"%1$s-does",\
                "parameters":{"type":"object","properties":{"%1$s-argument":{"type":"string"}}}}}]"""
                        .formatted(canary);
        var chats = new ArrayList<String>();
        for (var model : List.of(RECALLS, TestModels.HASH, TestModels.SHORT)) {
            var most = model.equals(RECALLS) ? "\"max_tokens\":180" : "\"max_tokens\":40";
            chats.add("\"model\":\"%s\",%s,%s,%s".formatted(model, messages, texts, most));
        }
        chats.add(chats.getFirst() + ",\"stream\":true");
        chats.add(chats.getFirst() + ",\"logprobs\":true,\"n\":2");
        chats.add(chats.get(1) + "," + schema);
        chats.add(chats.get(1) + "," + tools);
        for (var failing : List.of(TestModels.FAILS_EARLY, TestModels.FAILS_IN_WRITER)) {
            chats.add(
                    "\"model\":\"%s\",%s,%s,\"logprobs\":true".formatted(failing, messages, texts));
        }
        chats.add(chats.getFirst() + ",\"" + canary.in("unknown") + "\":1");
        chats.add(chats.getFirst() + ",\"temperature\":\"" + canary.in("number") + "\"");
        chats.add(chats.getFirst() + ",\"structured_outputs\":{\"regex\":\"(" + canary + "\"}");
        chats.add(chats.getFirst() + ",\"structured_outputs\":{\"grammar\":\"" + canary + "\"}");
        chats.add(
                chats.getFirst()
                        + ",\"structured_outputs\":{\"json\":{\"$ref\":\"#/"
                        + canary.in("reference")
                        + "\"}}");
        chats.add("\"model\":\"" + canary.in("model") + "\"," + messages);
        chats.add(chats.getFirst() + ",\"" + canary.in("cut"));
        var all = new ArrayList<Map.Entry<String, String>>();
        chats.forEach(chat -> all.add(Map.entry("/v1/chat/completions", "{" + chat + "}")));
        var prompt = "{\"model\":\"%s\",\"prompt\":\"%s-prompt\"".formatted(RECALLS, canary);
        all.add(Map.entry("/v1/completions", prompt + ",\"echo\":true,\"max_tokens\":60}"));
        all.add(Map.entry("/v1/completions", prompt + ",\"suffix\":\"" + canary + "\"}"));
        all.add(Map.entry("/tokenize", prompt + ",\"return_token_strs\":true}"));
        all.add(Map.entry("/tokenize", "{" + messages + "}"));
        all.add(Map.entry("/detokenize", "{\"tokens\":\"" + canary + "\"}"));
        return all;
    }

    @Test
    void wordsOfOneRequestAreNowhereElse() {
        try (var log = new LogRecorder();
                var pool = Executors.newFixedThreadPool(8)) {
            var ends = new ArrayList<CompletableFuture<Integer>>();
            for (int round = 0; round < ROUNDS; round++) {
                for (int key = 0; key < KEYS.size(); key++) {
                    var canary = new Canary(key, round);
                    ends.add(CompletableFuture.supplyAsync(() -> tryAll(canary), pool));
                }
            }
            int recalled = ends.stream().mapToInt(CompletableFuture::join).sum();
            assertTrue(recalled >= ROUNDS * KEYS.size(), recalled + " answers recall their prompt");
            assertTrue(log.lines().stream().anyMatch(l -> l.startsWith("io.chasqui.request ")));
            log.lines().forEach(line -> assertFalse(saysAnything(line), line));
        }
        assertNothingInMetrics();
    }

    /** Sends all requests of a canary; how many answers held its words. */
    private int tryAll(Canary canary) {
        int recalled = 0;
        for (var request : requests(canary)) {
            var response =
                    post(canary.key(), request.getKey(), request.getValue(), canary.in("header"));
            var context = request + " " + response.statusCode() + " " + response.body();
            assertEquals(null, canary.foreign(response.body()), context);
            var headers = response.headers().map().toString();
            assertFalse(saysAnything(headers), headers);
            boolean injected = request.getValue().contains("\"fails-");
            assertTrue(response.statusCode() < 500 || injected, context);
            if (response.statusCode() == 200 && request.getValue().contains(RECALLS)) {
                recalled += response.body().contains(canary.toString()) ? 1 : 0;
            }
        }
        return recalled;
    }

    private static boolean saysAnything(String text) {
        return Canary.ANY.matcher(text).find()
                || text.contains(UntellableTokenizer.SECRET)
                || KEYS.stream().anyMatch(text::contains);
    }

    private void assertNothingInMetrics() {
        var metrics = get("/metrics");
        assertEquals(200, metrics.statusCode());
        assertFalse(saysAnything(metrics.body()));
        for (var series : PrometheusText.read(metrics.body()).samples.keySet()) {
            assertFalse(series.contains("api-key"), series);
        }
    }

    private int cachedTokens(int key, String prompt, String salt) throws IOException {
        var body =
                "{\"model\":\"%s\",\"prompt\":\"%s\",\"max_tokens\":1,\"cache_salt\":\"%s\"}"
                        .formatted(TestModels.HASH, prompt, salt);
        var response = post(key, "/v1/completions", body, "x");
        return JSON.readTree(response.body())
                .at("/usage/prompt_tokens_details/cached_tokens")
                .intValue();
    }

    @Test
    void aPrefixIsCachedForTheKeyAloneThatHadItComputed() throws IOException {
        var prompt = "All happy families are alike. ".repeat(4);
        assertEquals(0, cachedTokens(0, prompt, "a"));
        assertEquals(112, cachedTokens(0, prompt, "a"));
        assertEquals(0, cachedTokens(1, prompt, "a"));
        assertEquals(112, cachedTokens(1, prompt, "a"));
        assertEquals(0, cachedTokens(1, prompt, "b"));
        assertEquals(112, cachedTokens(0, prompt, "a"));
    }

    @Test
    void openMetricsAndForeignNamesAreAsConfigured() throws IOException {
        try (var connection = new RawConnection(base)) {
            var metrics = new RawConnection.Request("GET", "/metrics", "", "10.0.0.7:8000");
            var models = new RawConnection.Request("GET", "/v1/models", "", "10.0.0.7:8000");
            var answers = connection.send(List.of(metrics, models));
            assertEquals(200, answers.getFirst().status());
            assertEquals(401, answers.getLast().status());
        }
    }
}
