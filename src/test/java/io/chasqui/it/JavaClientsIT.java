package io.chasqui.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
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
import com.openai.models.chat.completions.ChatCompletionMessageFunctionToolCall;
import com.openai.models.chat.completions.ChatCompletionNamedToolChoice;
import com.openai.models.chat.completions.ChatCompletionToolChoiceOption;
import com.openai.models.chat.completions.ChatCompletionToolMessageParam;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.ModelNotFoundException;
import dev.langchain4j.model.chat.Capability;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.request.json.JsonObjectSchema;
import dev.langchain4j.model.chat.request.json.JsonSchema;
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

    record Weather(City city, boolean tomorrow) {
        enum City {
            QUITO,
            CUSCO
        }
    }

    private static ChatCompletionMessageFunctionToolCall.Function call(ChatCompletion completion) {
        var calls = completion.choices().getFirst().message().toolCalls().orElseThrow();
        assertEquals(1, calls.size());
        return calls.getFirst().asFunction().function();
    }

    private static ChatCompletionCreateParams.Builder toolQuestion() {
        return question("test")
                .temperature(0)
                .maxCompletionTokens(120)
                .addTool(Weather.class)
                .parallelToolCalls(false);
    }

    @Test
    void openAiToolRoundTrip() {
        var forced =
                toolQuestion().toolChoice(ChatCompletionToolChoiceOption.Auto.REQUIRED).build();
        var completion = ask(forced);
        var choice = completion.choices().getFirst();
        assertEquals(ChatCompletion.Choice.FinishReason.TOOL_CALLS, choice.finishReason());
        var call = call(completion);
        assertEquals("Weather", call.name());
        assertNotNull(call.arguments(Weather.class).city());
        var accumulator = ChatCompletionAccumulator.create();
        try (var stream = openAi().chat().completions().createStreaming(forced)) {
            stream.stream().forEach(accumulator::accumulate);
        }
        assertEquals(call, call(accumulator.chatCompletion()));
        var result =
                ChatCompletionToolMessageParam.builder()
                        .toolCallId(
                                choice.message()
                                        .toolCalls()
                                        .orElseThrow()
                                        .getFirst()
                                        .asFunction()
                                        .id())
                        .content("sunny")
                        .build();
        var end =
                toolQuestion()
                        .addMessage(choice.message())
                        .addMessage(result)
                        .toolChoice(ChatCompletionToolChoiceOption.Auto.NONE)
                        .build();
        assertFalse(text(ask(end)).isEmpty());
    }

    @Test
    void openAiToolNamed() {
        var function = ChatCompletionNamedToolChoice.Function.builder().name("Weather").build();
        var named = ChatCompletionNamedToolChoice.builder().function(function).build();
        var completion = ask(toolQuestion().toolChoice(named).build());
        assertEquals(
                ChatCompletion.Choice.FinishReason.STOP,
                completion.choices().getFirst().finishReason());
        assertNotNull(call(completion).arguments(Weather.class).city());
    }

    @Test
    void openAiSchema() {
        var params =
                question("test").maxCompletionTokens(200).responseFormat(Weather.class).build();
        var completion = openAi().chat().completions().create(params);
        var weather = completion.choices().getFirst().message().content().orElseThrow();
        assertNotNull(weather.city());
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

    private static ToolSpecification weatherTool() {
        return ToolSpecification.builder()
                .name("weather")
                .description("Weather of a city")
                .parameters(weatherSchema())
                .build();
    }

    private static JsonObjectSchema weatherSchema() {
        return JsonObjectSchema.builder()
                .addEnumProperty("city", List.of("Quito", "Cusco"))
                .addBooleanProperty("tomorrow")
                .required("city", "tomorrow")
                .additionalProperties(false)
                .build();
    }

    @Test
    void langChain4jToolRoundTrip() throws Exception {
        var question = UserMessage.from(QUESTION);
        var request = ChatRequest.builder().messages(question).toolSpecifications(weatherTool());
        var forced = request.toolChoice(ToolChoice.REQUIRED).build();
        var model = langChain4j("test").temperature(0.0).maxTokens(120).parallelToolCalls(false);
        var message = model.build().chat(forced).aiMessage();
        assertEquals(1, message.toolExecutionRequests().size());
        var call = message.toolExecutionRequests().getFirst();
        assertEquals("weather", call.name());
        assertTrue(call.arguments().contains("tomorrow"), call.arguments());
        var streamed = stream(forced).aiMessage().toolExecutionRequests().getFirst();
        assertEquals(call.arguments(), streamed.arguments());
        var result = ToolExecutionResultMessage.from(call, "sunny");
        var end = ChatRequest.builder().messages(question, message, result).build();
        assertFalse(model.build().chat(end).aiMessage().text().isEmpty());
    }

    @Test
    void langChain4jSchema() {
        var schema = JsonSchema.builder().name("weather").rootElement(weatherSchema()).build();
        var format =
                ResponseFormat.builder().type(ResponseFormatType.JSON).jsonSchema(schema).build();
        var request =
                ChatRequest.builder().messages(UserMessage.from(QUESTION)).responseFormat(format);
        var model =
                langChain4j("test")
                        .supportedCapabilities(Capability.RESPONSE_FORMAT_JSON_SCHEMA)
                        .strictJsonSchema(true);
        var text = model.build().chat(request.build()).aiMessage().text();
        assertTrue(
                text.matches("\\{\"city\":(\"Quito\"|\"Cusco\"),\"tomorrow\":(true|false)}"), text);
    }
}
