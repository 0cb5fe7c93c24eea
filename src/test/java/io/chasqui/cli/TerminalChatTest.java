package io.chasqui.cli;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.chat.ChatMlTemplate;
import io.chasqui.chat.ChatPrompt;
import io.chasqui.chat.ChatTemplate;
import io.chasqui.chat.Message;
import io.chasqui.chat.ServedModel;
import io.chasqui.chat.ToolCallSyntax;
import io.chasqui.config.EngineConfig;
import io.chasqui.engine.EngineListener;
import io.chasqui.engine.LlmEngine;
import io.chasqui.executor.ScriptedExecutor;
import io.chasqui.testing.ByteTokenizer;
import io.chasqui.tokenizer.Tokenizer;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TerminalChatTest {
    private static final int END = 256;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final List<String> prompts = new ArrayList<>();
    private LlmEngine engine;

    /** Writes down what it renders. */
    private final class NotingTemplate implements ChatTemplate {
        @Override
        public String name() {
            return "noting";
        }

        @Override
        public int[] render(ChatPrompt prompt, Tokenizer tokenizer) {
            var text =
                    prompt.messages().stream()
                            .map(NotingTemplate::line)
                            .collect(Collectors.joining("|"));
            prompts.add(text);
            return tokenizer.encode(text);
        }

        private static String line(Message message) {
            return message.role() + ":" + message.content();
        }

        @Override
        public List<String> scaffold() {
            return List.of();
        }

        @Override
        public Set<Integer> endTokens(Tokenizer tokenizer) {
            return Set.of(END);
        }

        @Override
        public ToolCallSyntax toolCalls(Tokenizer tokenizer) {
            return ChatMlTemplate.generic().toolCalls(tokenizer);
        }
    }

    @AfterEach
    void stop() {
        if (engine != null) {
            engine.close();
        }
    }

    /** A chat with a model that always says these tokens. */
    private TerminalChat chat(int maxModelLen, String system, int... script) {
        var tokenizer = new ByteTokenizer("<end>");
        int blockSize = 16;
        engine =
                new LlmEngine(
                        new EngineConfig(
                                maxModelLen,
                                4,
                                512,
                                maxModelLen / blockSize,
                                blockSize,
                                10,
                                maxModelLen,
                                Duration.ofMinutes(1),
                                true,
                                true,
                                3,
                                Duration.ofSeconds(1)),
                        new ScriptedExecutor(script),
                        tokenizer,
                        Set.of(END),
                        EngineListener.NONE);
        engine.start();
        var model =
                new ServedModel(
                        "test",
                        List.of(),
                        engine,
                        tokenizer,
                        new NotingTemplate(),
                        null,
                        Set.of(END),
                        ServedModel.GenerationDefaults.OPENAI,
                        0,
                        "fp");
        return new TerminalChat(model, new PrintStream(out, true), system);
    }

    private TerminalChat chatThatSays(String answer) {
        var script = Arrays.copyOf(answer.chars().toArray(), answer.length() + 1);
        script[answer.length()] = END;
        return chat(4096, null, script);
    }

    private static BufferedReader typed(String... lines) {
        return new BufferedReader(new StringReader(String.join("\n", lines) + "\n"));
    }

    @Test
    void answersAndRemembers() throws IOException {
        chatThatSays("yes").converse(typed("one", "two"));
        assertEquals(List.of("USER:one", "USER:one|ASSISTANT:yes|USER:two"), prompts);
        assertEquals(2, out.toString().split(">>> yes\n", -1).length - 1, out.toString());
    }

    @Test
    void aPipedMessageIsAnsweredOnceWithNothingElsePrinted() {
        assertTrue(chatThatSays("yes").answerOnce("one"));
        assertEquals("yes\n", out.toString());
    }

    @Test
    void clearForgetsAndSetSystemSpeaksFirst() throws IOException {
        chatThatSays("ok").converse(typed("a", "/clear", "b", "/set system be brief", "c"));
        assertEquals(List.of("USER:a", "USER:b", "SYSTEM:be brief|USER:c"), prompts);
    }

    @Test
    void leavesOnByeAndAtTheEndOfInput() throws IOException {
        var input = typed("/bye", "never read");
        chatThatSays("ok").converse(input);
        assertEquals("never read", input.readLine());
        assertEquals(List.of(), prompts);
    }

    @Test
    void aMessageMayHaveSeveralLines() throws IOException {
        chatThatSays("ok").converse(typed("\"\"\"a", "", "b\"\"\"", "c"));
        assertEquals("USER:a\n\nb", prompts.getFirst());
        assertEquals(2, prompts.size());
    }

    @Test
    void ctrlCStopsTheAnswerAndNotTheChat() throws Exception {
        var chat = chat(1 << 20, null, 'a');
        var failure = new Throwable[1];
        var talking =
                Thread.ofPlatform()
                        .uncaughtExceptionHandler((_, e) -> failure[0] = e)
                        .start(
                                () -> {
                                    try {
                                        chat.converse(
                                                typed("endless", "/set max_tokens 5", "short"));
                                    } catch (IOException e) {
                                        throw new AssertionError(e);
                                    }
                                });
        await().until(() -> out.toString().contains("aaa"));
        chat.interrupt();
        talking.join();
        assertEquals(null, failure[0]);
        assertEquals(2, prompts.size());
        assertTrue(prompts.get(1).matches("USER:endless\\|ASSISTANT:a+\\|USER:short"));
        assertTrue(
                out.toString().contains(">>> aaaaa\n"), "the next answer is as long as it may be");
        assertEquals(0, engine.stats().running());
    }

    @Test
    void aMessageThatDoesNotFitIsToldAndForgotten() throws IOException {
        chat(32, null, 'a', END).converse(typed("x".repeat(100), "y"));
        assertEquals("USER:y", prompts.get(1));
        assertTrue(out.toString().contains(">>> a\n"), out.toString());
    }

    @Test
    void parametersAreCheckedWhenTheyAreSet() throws IOException {
        chatThatSays("ok")
                .converse(
                        typed(
                                "/set temperature 3",
                                "/set top_k x",
                                "/set colour red",
                                "/set seed 7",
                                "/show",
                                "/nothing"));
        var printed = out.toString();
        assertTrue(printed.contains("temperature is from 0.0 to 2.0."), printed);
        assertTrue(printed.contains("top_k is a number, not 'x'."), printed);
        assertTrue(printed.contains("There is no parameter colour."), printed);
        assertTrue(printed.contains("seed 7"), printed);
        assertTrue(printed.contains("There is no command /nothing"), printed);
        assertEquals(List.of(), prompts);
    }
}
