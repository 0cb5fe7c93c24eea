package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.langchain4j.agent.tool.P;
import dev.langchain4j.agent.tool.Tool;
import dev.langchain4j.model.openai.OpenAiChatModel;
import dev.langchain4j.model.openai.OpenAiStreamingChatModel;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.service.TokenStream;
import io.quarkus.test.junit.QuarkusTest;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Calls that the model makes by itself, executed by LangChain4j's services. */
@QuarkusTest
class LangChain4jToolsTest extends HttpTestBase {
    private static final String ONE =
            "Let me look. " + ParrotModel.calls("weather", "{\"city\": \"Quito\"}");
    private static final String TWO =
            ParrotModel.calls("weather", "{\"city\": \"Quito\"}", "{\"city\": \"Lima\"}");

    private final List<String> cities = new ArrayList<>();

    interface Assistant {
        String ask(String text);
    }

    interface StreamingAssistant {
        TokenStream ask(String text);
    }

    final class Tools {
        @Tool("Weather of a city")
        String weather(@P(value = "Its name", name = "city") String city) {
            cities.add(city);
            return "sunny in " + city;
        }
    }

    @BeforeEach
    void serveParrot() {
        ParrotModel.serve(registry);
    }

    private Assistant assistant() {
        var model =
                OpenAiChatModel.builder()
                        .baseUrl(base.resolve("/v1").toString())
                        .apiKey("any")
                        .modelName(ParrotModel.ID)
                        .maxRetries(0)
                        .build();
        return AiServices.builder(Assistant.class).chatModel(model).tools(new Tools()).build();
    }

    private StreamingAssistant streamingAssistant() {
        var model =
                OpenAiStreamingChatModel.builder()
                        .baseUrl(base.resolve("/v1").toString())
                        .apiKey("any")
                        .modelName(ParrotModel.ID)
                        .build();
        return AiServices.builder(StreamingAssistant.class)
                .streamingChatModel(model)
                .tools(new Tools())
                .build();
    }

    private String stream(String text) {
        var result = new CompletableFuture<String>();
        streamingAssistant()
                .ask(text)
                .onPartialResponse(part -> {})
                .onCompleteResponse(response -> result.complete(response.aiMessage().text()))
                .onError(result::completeExceptionally)
                .start();
        return result.join();
    }

    @Test
    void autoRoundTrip() {
        assertTrue(assistant().ask(ONE).contains("sunny in Quito"));
        assertEquals(List.of("Quito"), cities);
    }

    @Test
    void autoTwoCalls() {
        assertTrue(assistant().ask(TWO).contains("sunny in Lima"));
        assertEquals(List.of("Quito", "Lima"), cities);
    }

    @Test
    void autoStreamed() {
        assertTrue(stream(TWO).contains("sunny in Lima"));
        assertEquals(List.of("Quito", "Lima"), cities);
    }

    @Test
    void autoWithoutACall() {
        assertEquals("No call.", assistant().ask("No call."));
    }
}
