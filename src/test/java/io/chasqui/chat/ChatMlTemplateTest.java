package io.chasqui.chat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.chasqui.chat.Message.Role;
import io.chasqui.testing.ByteTokenizer;
import io.chasqui.testing.SharedData;
import io.chasqui.tokenizer.TestTokenizers;
import io.chasqui.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ChatMlTemplateTest {
    private final Tokenizer bytes = new ByteTokenizer("<|im_start|>", "<|im_end|>");
    private final ChatTemplate generic = ChatMlTemplate.generic();
    private final ChatTemplate smolLm2 = ChatMlTemplate.smolLm2();

    private static ChatPrompt open(List<Message> messages) {
        return new ChatPrompt(messages, List.of(), List.of(), true, false, true);
    }

    @Test
    void rendersLikeTheGenericTemplate() throws IOException {
        var vectors = ChatVectors.read("data/templates/generated_chatml_template_vectors.json");
        vectors.forEach(
                (name, vector) ->
                        assertArrayEquals(
                                bytes.encodeWithSpecials(vector.get("prompt").asText()),
                                generic.render(ChatVectors.prompt(vector), bytes),
                                name));
        assertEquals(6, vectors.size());
        var vector = vectors.get("last_assistant_open_for_continuation");
        assertArrayEquals(
                bytes.encodeWithSpecials(vector.get("prompt").asText()),
                generic.render(open(ChatVectors.prompt(vector).messages()), bytes));
    }

    @Test
    void rendersTheGoldenChatsOfTheDefaultModel() throws IOException {
        var tokenizer = TestTokenizers.defaultModel();
        var golden =
                new ObjectMapper()
                        .readTree(
                                SharedData.path("models/smollm2-135m-instruct/golden.json")
                                        .toFile());
        int chats = 0;
        for (var vector : golden.get("cases")) {
            if (!vector.get("kind").asText().equals("chat")) {
                continue;
            }
            var messages = new ArrayList<Message>();
            for (var message : vector.get("messages")) {
                var role = Role.valueOf(message.get("role").asText().toUpperCase());
                messages.add(Message.of(role, message.get("content").asText()));
            }
            var ids = smolLm2.render(ChatPrompt.of(messages), tokenizer);
            assertEquals(vector.get("rendered").asText(), tokenizer.decode(ids));
            chats++;
            if (vector.has("ids")) {
                assertArrayEquals(ChatVectors.ids(vector.get("ids")), ids);
                continue;
            }
            // A message that spells control tokens: only those of the three turns are there.
            var control = IntStream.of(ids).filter(tokenizer::isSpecial).toArray();
            assertArrayEquals(new int[] {1, 2, 1, 2, 1}, control);
        }
        assertEquals(8, chats);
        assertEquals(Set.of(0, 2), smolLm2.endTokens(tokenizer));
    }

    @Test
    void closesTurnsOfTheCheckpointsTemplateUnlessTheyAreContinued() {
        var messages =
                List.of(
                        Message.of(Role.SYSTEM, "s"),
                        Message.of(Role.USER, "u"),
                        Message.of(Role.ASSISTANT, " a "));
        var text =
                "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n"
                        + "<|im_start|>assistant\n a ";
        assertEquals(text, bytes.decode(smolLm2.render(open(messages), bytes)));
        assertEquals(
                text + "<|im_end|>\n<|im_start|>assistant\n",
                bytes.decode(smolLm2.render(ChatPrompt.of(messages), bytes)));
        var closed = new ChatPrompt(messages, List.of(), List.of(), true, false, false);
        assertEquals(text + "<|im_end|>\n", bytes.decode(smolLm2.render(closed, bytes)));
    }

    @Test
    void refusesWhatItHasNoFormFor() {
        var user = Message.of(Role.USER, "u");
        refuses("messages", ChatPrompt.of(List.of()));
        refuses("continue_final_message", open(List.of(user)));
    }

    private void refuses(String param, ChatPrompt prompt) {
        for (var template : List.of(generic, smolLm2)) {
            var e = assertThrows(ChatFormatException.class, () -> template.render(prompt, bytes));
            assertEquals(param, e.param());
            assertTrue(!e.getMessage().isEmpty());
        }
    }

    @Test
    void tellsOfToolsCallsAndResults() {
        var tools = List.of(ChatVectors.object("{\"type\":\"function\",\"a\":1}"));
        var messages =
                List.of(
                        Message.of(Role.USER, "u"),
                        ChatVectors.call("c", "f", "{\"x\":[1,2]}"),
                        new Message(Role.TOOL, "r", List.of(), "c"));
        var prompt = new ChatPrompt(messages, tools, List.of(), true, true, false);
        var told =
                "You can call functions. Their signatures, as JSON:\n<tools>\n"
                        + "{\"type\": \"function\", \"a\": 1}\n</tools>\n"
                        + "To call one, answer with its name and arguments, as JSON:\n"
                        + "<tool_call>\n{\"name\": \"<name>\", \"arguments\": {<arguments>}}\n</tool_call>"
                        + "<|im_end|>\n<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n"
                        + "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": [1, 2]}}\n</tool_call>"
                        + "<|im_end|>\n<|im_start|>tool\n<tool_response>\nr\n</tool_response><|im_end|>\n"
                        + "<|im_start|>assistant\n";
        assertEquals("<|im_start|>system\n" + told, bytes.decode(generic.render(prompt, bytes)));
        assertEquals(
                "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by"
                        + " Hugging Face\n\n"
                        + told,
                bytes.decode(smolLm2.render(prompt, bytes)));
    }
}
