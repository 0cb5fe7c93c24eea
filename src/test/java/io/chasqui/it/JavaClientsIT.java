package io.chasqui.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.ModelNotFoundException;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The Java SDKs against the packaged server and the default model. */
class JavaClientsIT {
    private static final String QUESTION = "Name three primary colours.";

    private static ServerProcess server;

    @BeforeAll
    static void start() throws Exception {
        server = ServerProcess.start();
    }

    @AfterAll
    static void stop() {
        if (server != null) {
            server.close();
        }
    }

    private static String url() {
        return server.uri.resolve("/v1").toString();
    }

    private static OpenAIClient openAi() {
        return OpenAIOkHttpClient.builder().baseUrl(url()).apiKey("any").maxRetries(0).build();
    }

    private static ChatCompletionCreateParams.Builder question(String model) {
        return ChatCompletionCreateParams.builder()
                .model(model)
                .addSystemMessage("You are a terse assistant.")
                .addUserMessage(QUESTION)
                .maxCompletionTokens(40);
    }

    private static ChatCompletion ask(ChatCompletionCreateParams params) {
        return openAi().chat().completions().create(params);
    }

    private static String text(ChatCompletion completion) {
        return completion.choices().getFirst().message().content().orElseThrow();
    }

    private static void awaitIdle() throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (server.metric("vllm:num_requests_running") > 0) {
            assertTrue(System.nanoTime() < end, "still running");
            Thread.sleep(20);
        }
    }

    @Test
    void openAiPlainStreamAndStop() {
        var plain = text(ask(question("test").temperature(0).build()));
        assertTrue(plain.startsWith("The primary colours are: Red, Blue, and Yellow."), plain);
        var accumulator = ChatCompletionAccumulator.create();
        var params = question("test").temperature(0).build();
        try (var stream = openAi().chat().completions().createStreaming(params)) {
            stream.stream().forEach(accumulator::accumulate);
        }
        assertEquals(plain, text(accumulator.chatCompletion()));
        var stopped = question("test").temperature(0).stopOfStrings(List.of(", and")).build();
        assertEquals("The primary colours are: Red, Blue", text(ask(stopped)));
    }

    @Test
    void openAiSeedChoicesAndLogprobs() {
        var params = question("test").temperature(1).n(2).seed(7).logprobs(true).topLogprobs(3);
        var one = ask(params.build());
        var same = ask(params.build());
        assertEquals(2, one.choices().size());
        for (int i = 0; i < 2; i++) {
            var choice = one.choices().get(i);
            assertEquals(choice.message().content(), same.choices().get(i).message().content());
            var entries = choice.logprobs().orElseThrow().content().orElseThrow();
            assertFalse(entries.isEmpty());
            entries.forEach(e -> assertEquals(3, e.topLogprobs().size()));
        }
    }

    @Test
    void openAiAbort() throws Exception {
        var params =
                question("test")
                        .maxCompletionTokens(4000)
                        .putAdditionalBodyProperty("ignore_eos", JsonValue.from(true))
                        .build();
        try (var stream = openAi().chat().completions().createStreaming(params)) {
            assertEquals(3, stream.stream().limit(3).count());
        }
        awaitIdle();
        assertEquals(0, server.metric("vllm:kv_cache_usage_perc"));
    }

    @Test
    void openAiErrors() {
        assertThrows(NotFoundException.class, () -> ask(question("nobody").build()));
        var bad =
                assertThrows(
                        BadRequestException.class,
                        () -> ask(question("test").temperature(3).build()));
        assertEquals("temperature", bad.param().orElseThrow());
    }

    private static ChatResponse stream(ChatRequest request) throws Exception {
        var result = new CompletableFuture<ChatResponse>();
        OpenAiStreamingChatModel.builder()
                .baseUrl(url())
                .apiKey("any")
                .modelName("test")
                .temperature(0.0)
                .maxTokens(40)
                .build()
                .chat(
                        request,
                        new StreamingChatResponseHandler() {
                            @Override
                            public void onPartialResponse(String text) {}

                            @Override
                            public void onCompleteResponse(ChatResponse response) {
                                result.complete(response);
                            }

                            @Override
                            public void onError(Throwable error) {
                                result.completeExceptionally(error);
                            }
                        });
        return result.get(60, TimeUnit.SECONDS);
    }

    private static OpenAiChatModel.OpenAiChatModelBuilder langChain4j(String model) {
        return OpenAiChatModel.builder()
                .baseUrl(url())
                .apiKey("any")
                .modelName(model)
                .maxTokens(40)
                .maxRetries(0);
    }

    @Test
    void langChain4jPlainStreamStopSeedAndErrors() throws Exception {
        var request = ChatRequest.builder().messages(UserMessage.from(QUESTION)).build();
        var plain = langChain4j("test").temperature(0.0).build().chat(request).aiMessage().text();
        assertEquals(plain, stream(request).aiMessage().text());
        var word = plain.substring(plain.length() / 2, plain.length() / 2 + 4);
        var stopped = langChain4j("test").temperature(0.0).stop(List.of(word)).build();
        assertEquals(
                plain.substring(0, plain.indexOf(word)), stopped.chat(request).aiMessage().text());
        var seeded = langChain4j("test").temperature(1.0).seed(3).build();
        assertEquals(
                seeded.chat(request).aiMessage().text(), seeded.chat(request).aiMessage().text());
        assertThrows(
                ModelNotFoundException.class, () -> langChain4j("nobody").build().chat(request));
    }

    @Test
    void langChain4jAbort() throws Exception {
        var cancelled = new CompletableFuture<Void>();
        OpenAiStreamingChatModel.builder()
                .baseUrl(url())
                .apiKey("any")
                .modelName("test")
                .maxTokens(4000)
                .build()
                .chat(
                        ChatRequest.builder()
                                .messages(UserMessage.from("Count from one to a thousand."))
                                .build(),
                        new StreamingChatResponseHandler() {
                            @Override
                            public void onPartialResponse(
                                    PartialResponse text, PartialResponseContext context) {
                                context.streamingHandle().cancel();
                                cancelled.complete(null);
                            }

                            @Override
                            public void onCompleteResponse(ChatResponse response) {}

                            @Override
                            public void onError(Throwable error) {
                                cancelled.completeExceptionally(error);
                            }
                        });
        cancelled.get(60, TimeUnit.SECONDS);
        awaitIdle();
    }
}
