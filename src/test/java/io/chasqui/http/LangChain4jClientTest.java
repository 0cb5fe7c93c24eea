package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.ModelNotFoundException;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import dev.langchain4j.model.output.FinishReason;
import io.quarkus.test.junit.QuarkusTest;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;

/** LangChain4j, which speaks HTTP/2 after an upgrade and always asks for usage. */
@QuarkusTest
class LangChain4jClientTest extends HttpTestBase {
    private static final ChatRequest HI =
            ChatRequest.builder().messages(UserMessage.from("hi")).build();

    private OpenAiChatModel.OpenAiChatModelBuilder model(String name) {
        return OpenAiChatModel.builder()
                .baseUrl(base.resolve("/v1").toString())
                .apiKey("any")
                .modelName(name)
                .maxRetries(0);
    }

    private CompletableFuture<ChatResponse> stream(String name, Runnable onText) {
        var result = new CompletableFuture<ChatResponse>();
        OpenAiStreamingChatModel.builder()
                .baseUrl(base.resolve("/v1").toString())
                .apiKey("any")
                .modelName(name)
                .build()
                .chat(
                        HI,
                        new StreamingChatResponseHandler() {
                            @Override
                            public void onPartialResponse(String text) {
                                onText.run();
                            }

                            @Override
                            public void onCompleteResponse(ChatResponse response) {
                                result.complete(response);
                            }

                            @Override
                            public void onError(Throwable error) {
                                result.completeExceptionally(error);
                            }
                        });
        return result;
    }

    @Test
    void plain() {
        var response = model(TestModels.SCRIPTED).build().chat(HI);
        assertEquals(TestModels.SCRIPT, response.aiMessage().text());
        assertEquals(FinishReason.STOP, response.finishReason());
        assertEquals(25, response.tokenUsage().outputTokenCount());
    }

    @Test
    void streamed() {
        var response = stream(TestModels.SCRIPTED, () -> {}).join();
        assertEquals(TestModels.SCRIPT, response.aiMessage().text());
        assertEquals(FinishReason.STOP, response.finishReason());
        assertEquals(25, response.tokenUsage().outputTokenCount());
    }

    @Test
    void stop() {
        var response = model(TestModels.SCRIPTED).stop(List.of(", w")).build().chat(HI);
        assertEquals("Hello", response.aiMessage().text());
    }

    @Test
    void seed() {
        var model = model(TestModels.HASH).seed(5).maxTokens(30).build();
        assertEquals(model.chat(HI).aiMessage().text(), model.chat(HI).aiMessage().text());
    }

    @Test
    void errors() {
        assertThrows(ModelNotFoundException.class, () -> model("nobody").build().chat(HI));
        assertThrows(
                InvalidRequestException.class,
                () -> model(TestModels.SHORT).temperature(9.0).build().chat(HI));
    }

    @Test
    void errorInMidStream() {
        var gate = TestModels.BREAKING_GATE;
        gate.shut();
        gate.allow(1);
        var result = stream(TestModels.FAILS_LATE, () -> gate.allow(100));
        var error = assertThrows(CompletionException.class, result::join);
        assertTrue(error.getCause() instanceof RuntimeException, String.valueOf(error));
    }
}
