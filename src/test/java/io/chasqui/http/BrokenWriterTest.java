package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
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
    void aStreamThatCannotGoOnSaysSoInAnEventOfItsOwn() throws IOException {
        for (var body : new String[] {streamOfChat(), streamOfCompletion()}) {
            var text = new StringBuilder();
            var events = body.split("\n\n");
            for (int i = 0; i < events.length; i++) {
                if (i == events.length - 1) {
                    assertTrue(events[i].startsWith("event: error\ndata: {"), body);
                    assertInternal(events[i]);
                } else {
                    var choice =
                            JSON.readTree(events[i].substring("data: ".length())).at("/choices/0");
                    text.append(choice.at("/delta/content").asText(choice.path("text").asText()));
                }
            }
            assertTrue(TestModels.HALF_TOLD.startsWith(text.toString()), body);
            assertFalse(text.toString().contains("!"), body);
        }
        awaitIdle(TestModels.FAILS_IN_WRITER);
    }

    private String streamOfChat() {
        return chat(TestModels.FAILS_IN_WRITER, STREAM).body();
    }

    private String streamOfCompletion() {
        return completion(
                        TestModels.FAILS_IN_WRITER,
                        "\"prompt\":\"x\",\"logprobs\":0,\"stream\":true")
                .body();
    }

    private static void assertInternal(String body) {
        assertTrue(body.contains("\"code\":\"internal_error\""), body);
        assertFalse(body.contains(UntellableTokenizer.SECRET), body);
    }

    @Test
    void thoseBesideItGetTheirs() {
        var broken = new ArrayList<CompletableFuture<String>>();
        var whole = new ArrayList<CompletableFuture<String>>();
        for (int i = 0; i < 8; i++) {
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
