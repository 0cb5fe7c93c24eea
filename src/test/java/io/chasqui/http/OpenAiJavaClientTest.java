package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.errors.BadRequestException;
import com.openai.errors.InternalServerException;
import com.openai.errors.NotFoundException;
import com.openai.errors.SseException;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.completions.CompletionCreateParams;
import io.quarkus.test.junit.QuarkusTest;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The official Java SDK, unchanged. */
@QuarkusTest
class OpenAiJavaClientTest extends HttpTestBase {

    private OpenAIClient client() {
        return OpenAIOkHttpClient.builder()
                .baseUrl(base.resolve("/v1").toString())
                .apiKey("any")
                .maxRetries(0)
                .build();
    }

    private static ChatCompletionCreateParams.Builder hi(String model) {
        return ChatCompletionCreateParams.builder().model(model).addUserMessage("hi");
    }

    private static String text(ChatCompletion completion) {
        return completion.choices().getFirst().message().content().orElseThrow();
    }

    /** Streams a request and joins the chunks as the SDK does. */
    private ChatCompletion accumulate(ChatCompletionCreateParams params) {
        var accumulator = ChatCompletionAccumulator.create();
        try (var stream = client().chat().completions().createStreaming(params)) {
            stream.stream().forEach(accumulator::accumulate);
        }
        return accumulator.chatCompletion();
    }

    @Test
    void listsAndRetrievesModels() {
        var ids = client().models().list().data().stream().map(m -> m.id()).toList();
        assertTrue(ids.contains(TestModels.SCRIPTED), ids.toString());
        assertEquals(TestModels.SCRIPTED, client().models().retrieve(TestModels.SCRIPTED).id());
        assertThrows(NotFoundException.class, () -> client().models().retrieve("nobody"));
    }

    @Test
    void plain() {
        var completion = client().chat().completions().create(hi(TestModels.SCRIPTED).build());
        assertEquals(TestModels.SCRIPT, text(completion));
        assertEquals(
                ChatCompletion.Choice.FinishReason.STOP,
                completion.choices().getFirst().finishReason());
        var usage = completion.usage().orElseThrow();
        assertEquals(usage.totalTokens(), usage.promptTokens() + usage.completionTokens());
    }

    @Test
    void streamEqualsPlain() {
        var params =
                hi(TestModels.HASH)
                        .n(3)
                        .seed(11)
                        .logprobs(true)
                        .maxCompletionTokens(30)
                        .putAdditionalBodyProperty("ignore_eos", JsonValue.from(true));
        var plain = client().chat().completions().create(params.build());
        var streamed =
                accumulate(
                        params.streamOptions(
                                        ChatCompletionStreamOptions.builder()
                                                .includeUsage(true)
                                                .build())
                                .build());
        assertEquals(3, plain.choices().size());
        for (int i = 0; i < 3; i++) {
            var expected = plain.choices().get(i);
            var actual = streamed.choices().get(i);
            assertEquals(i, actual.index());
            assertEquals(expected.message().content(), actual.message().content());
            assertEquals(expected.finishReason(), actual.finishReason());
            assertEquals(
                    expected.logprobs().orElseThrow().content(),
                    actual.logprobs().orElseThrow().content());
            assertEquals(30, actual.logprobs().orElseThrow().content().orElseThrow().size());
        }
        assertEquals(90, streamed.usage().orElseThrow().completionTokens());
    }

    @Test
    void stop() {
        var completion =
                client().chat()
                        .completions()
                        .create(
                                hi(TestModels.SCRIPTED)
                                        .stopOfStrings(List.of("zz", ", w"))
                                        .build());
        assertEquals("Hello", text(completion));
    }

    @Test
    void seed() {
        var params = hi(TestModels.HASH).maxCompletionTokens(40);
        var one = client().chat().completions().create(params.seed(1).build());
        var same = client().chat().completions().create(params.seed(1).build());
        var other = client().chat().completions().create(params.seed(2).build());
        assertEquals(text(one), text(same));
        assertNotEquals(text(one), text(other));
    }

    @Test
    void abort() {
        TestModels.GATE.shut();
        TestModels.GATE.allow(3);
        var params = hi(TestModels.GATED).maxCompletionTokens(400).build();
        try (var stream = client().chat().completions().createStreaming(params)) {
            assertTrue(stream.stream().limit(2).count() == 2);
        }
        awaitAborted();
    }

    @Test
    void completions() {
        var completion =
                client().completions()
                        .create(
                                CompletionCreateParams.builder()
                                        .model(TestModels.SCRIPTED)
                                        .prompt("ab")
                                        .echo(true)
                                        .logprobs(2)
                                        .maxTokens(100)
                                        .build());
        var choice = completion.choices().getFirst();
        assertEquals("ab" + TestModels.SCRIPT, choice.text());
        var offsets = choice.logprobs().orElseThrow().textOffset().orElseThrow();
        assertEquals(2 + 25, offsets.size());
        assertEquals(
                (long) choice.text().codePointCount(0, choice.text().length()), offsets.getLast());
    }

    @Test
    void errors() {
        assertThrows(
                NotFoundException.class,
                () -> client().chat().completions().create(hi("nobody").build()));
        var bad =
                assertThrows(
                        BadRequestException.class,
                        () ->
                                client().chat()
                                        .completions()
                                        .create(hi(TestModels.SHORT).temperature(3).build()));
        assertEquals("temperature", bad.param().orElseThrow());
        var tooLong = hi(TestModels.SHORT).maxCompletionTokens(5000).build();
        var context =
                assertThrows(
                        BadRequestException.class,
                        () -> client().chat().completions().create(tooLong));
        assertEquals("context_length_exceeded", context.code().orElseThrow());
        assertThrows(
                InternalServerException.class,
                () -> client().chat().completions().create(hi(TestModels.FAILS_EARLY).build()));
    }

    @Test
    void errorInMidStream() {
        var gate = TestModels.BREAKING_GATE;
        gate.shut();
        gate.allow(1);
        var params = hi(TestModels.FAILS_LATE).build();
        assertThrows(
                SseException.class,
                () -> {
                    try (var stream = client().chat().completions().createStreaming(params)) {
                        stream.stream().forEach(chunk -> gate.allow(100));
                    }
                });
    }
}
