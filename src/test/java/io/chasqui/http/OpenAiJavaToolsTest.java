package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletion.Choice.FinishReason;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionMessage;
import com.openai.models.chat.completions.ChatCompletionMessageFunctionToolCall;
import com.openai.models.chat.completions.ChatCompletionToolMessageParam;
import io.quarkus.test.junit.QuarkusTest;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Calls that the model makes by itself, through the official Java SDK. */
@QuarkusTest
class OpenAiJavaToolsTest extends HttpTestBase {

    /** Its name and its schema are those of the tool. */
    record Weather(String city) {}

    @BeforeEach
    void serveParrot() {
        ParrotModel.serve(registry);
    }

    private OpenAIClient client() {
        return OpenAIOkHttpClient.builder()
                .baseUrl(base.resolve("/v1").toString())
                .apiKey("any")
                .maxRetries(0)
                .build();
    }

    private static ChatCompletionCreateParams.Builder asking(String text) {
        return ChatCompletionCreateParams.builder()
                .model(ParrotModel.ID)
                .addUserMessage(text)
                .addTool(Weather.class);
    }

    private ChatCompletion.Choice ask(ChatCompletionCreateParams params) {
        return client().chat().completions().create(params).choices().getFirst();
    }

    private ChatCompletion.Choice stream(ChatCompletionCreateParams params) {
        var accumulator = ChatCompletionAccumulator.create();
        try (var stream = client().chat().completions().createStreaming(params)) {
            stream.stream().forEach(accumulator::accumulate);
        }
        return accumulator.chatCompletion().choices().getFirst();
    }

    private static List<ChatCompletionMessageFunctionToolCall> calls(
            ChatCompletionMessage message) {
        return message.toolCalls().orElse(List.of()).stream().map(c -> c.asFunction()).toList();
    }

    private static List<String> cities(ChatCompletionMessage message) {
        return calls(message).stream()
                .map(c -> c.function().arguments(Weather.class).city())
                .toList();
    }

    @Test
    void autoCallsWholeAndStreamed() {
        var params =
                asking(
                                ParrotModel.calls(
                                        "Weather", "{\"city\": \"Quito\"}", "{\"city\": \"Lima\"}"))
                        .build();
        for (var choice : List.of(ask(params), stream(params))) {
            assertEquals(FinishReason.TOOL_CALLS, choice.finishReason());
            assertEquals(List.of("Quito", "Lima"), cities(choice.message()));
        }
    }

    @Test
    void autoRoundTrip() {
        var text = "Let me look. " + ParrotModel.calls("Weather", "{\"city\": \"Quito\"}");
        var message = ask(asking(text).build()).message();
        var result =
                ChatCompletionToolMessageParam.builder()
                        .toolCallId(calls(message).getFirst().id())
                        .content("sunny")
                        .build();
        var end = ask(asking(text).addMessage(message).addMessage(result).build());
        assertEquals(FinishReason.STOP, end.finishReason());
        assertTrue(end.message().content().orElseThrow().contains("sunny"));
    }

    @Test
    void autoWithoutACall() {
        var choice = ask(asking("No call.").build());
        assertEquals(FinishReason.STOP, choice.finishReason());
        assertEquals("No call.", choice.message().content().orElseThrow());
    }
}
