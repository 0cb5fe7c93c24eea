package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.quarkus.test.junit.QuarkusTest;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.concurrent.CompletableFuture;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What breaks while one answer is written ends that answer, and no other. */
@QuarkusTest
@Timeout(30)
class BrokenWriterTest extends HttpTestBase {
    private static final String LOGPROBS = "\"logprobs\":true";
    private static final String STREAM = LOGPROBS + ",\"stream\":true";
    private static final Logger LOG = Logger.getLogger(OutputPublisher.class.getName());
    private static final ObjectMapper JSON = new ObjectMapper();

    @BeforeEach
    void silence() {
        LOG.setLevel(Level.OFF);
        TestModels.WRITER_GATE.allow(1000);
    }

    @AfterEach
    void speak() {
        LOG.setLevel(null);
    }

    @Test
    void anAnswerThatCannotBeWrittenIsAnError() {
        var response = chat(TestModels.FAILS_IN_WRITER, LOGPROBS);
        assertEquals(500, response.statusCode());
        assertInternal(response.body());
        awaitIdle(TestModels.FAILS_IN_WRITER);
    }

    @Test
    void aStreamThatCannotGoOnSaysSoInAnEventOfItsOwn() throws Exception {
        var chat = "/v1/chat/completions";
        var tools = ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"look\"}}]";
        checkStream(chat, chatBody(TestModels.FAILS_IN_WRITER, STREAM), 1);
        checkStream(chat, chatBody(TestModels.FAILS_IN_WRITER, STREAM + tools), 2);
        checkStream(
                "/v1/completions",
                "{\"model\":\"%s\",\"prompt\":\"x\",\"logprobs\":0,\"stream\":true}"
                        .formatted(TestModels.FAILS_IN_WRITER),
                1);
        awaitIdle(TestModels.FAILS_IN_WRITER);
    }

    /**
     * Lets the answer begin, and then come to what cannot be written.
     *
     * @param steps those until the first token
     */
    private void checkStream(String path, String body, int steps) throws Exception {
        awaitIdle(TestModels.FAILS_IN_WRITER);
        TestModels.WRITER_GATE.shut();
        TestModels.WRITER_GATE.allow(steps);
        var request =
                request(path)
                        .header("Content-Type", "application/json")
                        .POST(HttpRequest.BodyPublishers.ofString(body))
                        .build();
        try (var client = HttpClient.newHttpClient()) {
            var response = client.send(request, HttpResponse.BodyHandlers.ofLines());
            assertEquals(200, response.statusCode());
            TestModels.WRITER_GATE.allow(1000);
            var lines = response.body().filter(line -> !line.isEmpty()).toList();
            int events = lines.size() - 2;
            assertEquals("event: error", lines.get(events), lines.toString());
            assertInternal(lines.getLast());
            var text = new StringBuilder();
            for (var line : lines.subList(0, events)) {
                var choice = JSON.readTree(line.substring("data: ".length())).at("/choices/0");
                text.append(choice.at("/delta/content").asText(choice.path("text").asText()));
            }
            assertTrue(
                    text.toString().equals("a") || text.toString().equals("ab"), lines.toString());
        }
    }

    private String streamOfChat() {
        return chat(TestModels.FAILS_IN_WRITER, STREAM).body();
    }

    private static void assertInternal(String body) {
        assertTrue(body.contains("\"code\":\"internal_error\""), body);
        assertFalse(body.contains(UntellableTokenizer.SECRET), body);
    }

    @Test
    void thoseBesideItGetTheirs() {
        var broken = new ArrayList<CompletableFuture<String>>();
        var whole = new ArrayList<CompletableFuture<String>>();
        for (int i = 0; i < TestModels.QUEUE / 2; i++) {
            broken.add(CompletableFuture.supplyAsync(this::streamOfChat));
            whole.add(
                    CompletableFuture.supplyAsync(
                            () -> chat(TestModels.FAILS_IN_WRITER, "\"max_tokens\":20").body()));
        }
        broken.forEach(answer -> assertInternal(answer.join()));
        whole.forEach(
                answer ->
                        assertTrue(
                                answer.join().contains("\"content\":\"" + TestModels.HALF_TOLD),
                                answer.join()));
        awaitIdle(TestModels.FAILS_IN_WRITER);
    }
}
