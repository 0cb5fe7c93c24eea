package io.chasqui.chat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.chasqui.chat.Message.Role;
import io.chasqui.tokenizer.TestTokenizers;
import io.chasqui.tokenizer.Tokenizer;
import java.io.IOException;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class Llama3ChatTemplateTest {
    private static final String LLAMA31 = "data/templates/generated_llama31_template_vectors.json";
    private static final String LLAMA32 = "data/templates/generated_llama32_template_vectors.json";

    /** Renderings that a prepared request changes, and how. */
    private static final Map<String, UnaryOperator<String>> CHANGED =
            Map.of(
                    "custom_call_string_args_TRAP",
                    replace("\"{\\\"city\\\": \\\"Paris\\\"}\"", "{\"city\": \"Paris\"}"),
                    "custom_call_with_builtin_defined_eom",
                    replace("\n\n{\"temp\": 21}<", "\n\n\"{\\\"temp\\\": 21}\"<"),
                    "tool_content_mapping",
                    replace(
                            "\n\n{\"output\": \"sunny\", \"é\": 1}<",
                            "\n\n\"{\\\"output\\\": \\\"sunny\\\", \\\"é\\\": 1}\"<"),
                    "content_parts_list_renders_python_repr",
                    replace("[{'type': 'text', 'text': 'hi'}]", "hi"),
                    "assistant_content_null_without_tool_calls_renders_None",
                    replace("None", ""),
                    "builtin_call_two_arguments_and_quote",
                    replace("say \"hi\"", "say \\\"hi\\\""),
                    "tool_content_list",
                    replace("[{\"type\": \"text\", \"text\": \"sunny\"}]", "\"sunny\""),
                    "tool_content_number",
                    replace("\n\n21.5<", "\n\n\"21.5\"<"),
                    "tool_content_null",
                    replace("None", "\"\""),
                    "developer_role_is_passed_through",
                    replace("<|eot_id|><|start_header_id|>developer<|end_header_id|>\n\n", ""));

    private final Tokenizer tokenizer = TestTokenizers.llama3();
    private final ChatTemplate llama31 = Llama3ChatTemplate.llama31();
    private final ChatTemplate llama32 =
            Llama3ChatTemplate.llama32(
                    Clock.fixed(Instant.parse("2024-07-26T12:00:00Z"), ZoneOffset.UTC));

    private static UnaryOperator<String> replace(String from, String to) {
        return text -> {
            assertTrue(text.contains(from), text);
            return text.replace(from, to);
        };
    }

    private void assertRenders(String expected, ChatTemplate template, ChatPrompt prompt) {
        var ids = template.render(prompt, tokenizer);
        assertEquals(expected, tokenizer.decode(ids));
        assertArrayEquals(tokenizer.encodeWithSpecials(expected), ids, expected);
    }

    private void assertRefuses(String param, ChatTemplate template, ChatPrompt prompt) {
        var e = assertThrows(ChatFormatException.class, () -> template.render(prompt, tokenizer));
        assertEquals(param, e.param());
    }

    /** Template with the date of a vector. */
    private static ChatTemplate dated(ChatTemplate template, JsonNode vector) {
        var date = vector.at("/input/date_string");
        if (date.isMissingNode()) {
            return template;
        }
        boolean builtin = template.name().equals("llama3.1");
        return new Llama3ChatTemplate(template.name(), builtin, date::asText);
    }

    @Test
    void rendersLikeTheTemplateOfLlama31() throws IOException {
        var unlike = new TreeSet<String>();
        for (var vector : ChatVectors.read(LLAMA31).values()) {
            var name = vector.get("name").asText();
            if (vector.has("error") || CHANGED.containsKey(name)) {
                continue;
            }
            var ids = ChatVectors.ids(vector.get("ids"));
            var template = dated(llama31, vector);
            var rendered = template.render(ChatVectors.prompt(vector), tokenizer);
            if (!tokenizer.decode(ids).equals(tokenizer.decode(rendered))) {
                unlike.add(name);
            } else if (!name.equals("special_tokens_in_content")) {
                assertArrayEquals(ids, rendered, name);
            }
        }
        assertEquals(Set.of("tools_empty_list"), unlike);
    }

    @Test
    void rendersPreparedRequestsWhereTheBareTemplateWouldMislead() throws IOException {
        var vectors = ChatVectors.read(LLAMA31);
        CHANGED.forEach(
                (name, change) -> {
                    var vector = vectors.get(name);
                    var expected = change.apply(vector.get("prompt").asText());
                    assertRenders(expected, llama31, ChatVectors.prompt(vector));
                });
    }

    @Test
    void anEmptyListOfToolsIsNone() throws IOException {
        var vectors = ChatVectors.read(LLAMA31);
        assertRenders(
                vectors.get("tools_none").get("prompt").asText(),
                llama31,
                ChatVectors.prompt(vectors.get("tools_empty_list")));
    }

    @Test
    void encodesSpecialTokensInContentAsText() throws IOException {
        var vector = ChatVectors.read(LLAMA31).get("special_tokens_in_content");
        assertArrayEquals(
                ChatVectors.ids(vector.get("ids_content_as_text")),
                llama31.render(ChatVectors.prompt(vector), tokenizer));
    }

    @Test
    void refusesOrMendsWhatTheBareTemplateFailsOn() throws IOException {
        var errors = new TreeSet<String>();
        var vectors = ChatVectors.read(LLAMA31);
        vectors.forEach(
                (name, vector) -> errors.addAll(vector.has("error") ? Set.of(name) : Set.of()));
        assertEquals(
                Set.of(
                        "parallel_calls_raises",
                        "empty_tool_calls_raises",
                        "tools_no_user_raises",
                        "tool_calls_null_raises",
                        "builtin_call_number_argument_raises",
                        "empty_messages_raises"),
                errors);
        assertRefuses(
                "messages[1].tool_calls",
                llama31,
                ChatVectors.prompt(vectors.get("parallel_calls_raises")));
        assertRefuses("messages", llama31, ChatVectors.prompt(vectors.get("tools_no_user_raises")));
        assertRefuses(
                "messages", llama31, ChatVectors.prompt(vectors.get("empty_messages_raises")));
        assertEnds(
                "assistant<|end_header_id|>\n\nhi<|eot_id|>",
                ChatVectors.prompt(vectors.get("empty_tool_calls_raises")));
        assertContains(
                "assistant<|end_header_id|>\n\nx<|eot_id|>",
                ChatVectors.prompt(vectors.get("tool_calls_null_raises")));
        assertEnds(
                "<|python_tag|>brave_search.call(query=\"1\")<|eom_id|>",
                ChatVectors.prompt(vectors.get("builtin_call_number_argument_raises")));
    }

    private void assertEnds(String end, ChatPrompt prompt) {
        var text = tokenizer.decode(llama31.render(prompt, tokenizer));
        assertTrue(text.endsWith(end), text);
    }

    private void assertContains(String part, ChatPrompt prompt) {
        var text = tokenizer.decode(llama31.render(prompt, tokenizer));
        assertTrue(text.contains(part), text);
    }

    @Test
    void rendersLikeTheTemplateOfLlama32() throws IOException {
        int rendered = 0;
        for (var vector : ChatVectors.read(LLAMA32).values()) {
            var prompt = ChatVectors.prompt(vector);
            if (vector.has("error")) {
                assertRefuses("messages[1].tool_calls", llama32, prompt);
                continue;
            }
            assertArrayEquals(
                    ChatVectors.ids(vector.get("ids")),
                    dated(llama32, vector).render(prompt, tokenizer),
                    vector.get("name").asText());
            rendered++;
        }
        assertEquals(6, rendered);
    }

    @Test
    void continuesTheLastTurnOfTheAssistant() throws IOException {
        var vector = ChatVectors.read(LLAMA31).get("last_message_assistant_no_generation_prompt");
        var closed = vector.get("prompt").asText();
        var messages = ChatVectors.prompt(vector).messages();
        assertRenders(
                closed.substring(0, closed.length() - "<|eot_id|>".length()),
                llama31,
                new ChatPrompt(messages, List.of(), List.of(), true, false, true));
        assertRefuses(
                "continue_final_message",
                llama31,
                new ChatPrompt(messages.subList(0, 1), List.of(), List.of(), true, false, true));
        assertRefuses(
                "continue_final_message",
                llama31,
                new ChatPrompt(messages, List.of(), List.of(), true, true, true));
        var call = List.of(messages.getFirst(), ChatVectors.call("c", "f", "{}"));
        assertRefuses(
                "continue_final_message",
                llama31,
                new ChatPrompt(call, List.of(), List.of(), true, false, true));
    }

    @Test
    void severalCallsOfOneTurnBecomeCallAndResultInOrderOfTheResults() {
        var a = ChatVectors.call("a", "f", "{\"x\":1}");
        var b = ChatVectors.call("b", "g", "{}");
        var resultA = ChatVectors.result("a", "1");
        var resultB = ChatVectors.result("b", "2");
        var user = Message.of(Role.USER, "go");
        var calls = new ArrayList<>(a.toolCalls());
        calls.addAll(b.toolCalls());
        var both = new Message(Role.ASSISTANT, "beside", calls, null);
        var later = Message.of(Role.USER, "and?");

        assertArrayEquals(
                llama31.render(
                        ChatPrompt.of(List.of(user, b, resultB, a, resultA, later)), tokenizer),
                llama31.render(
                        ChatPrompt.of(List.of(user, both, resultB, resultA, later)), tokenizer));
        assertRefuses(
                "messages[1].tool_calls",
                llama31,
                ChatPrompt.of(List.of(user, both, resultB, later)));
        assertRefuses(
                "messages[1].tool_calls", llama31, ChatPrompt.of(List.of(user, both, resultB)));
        assertRefuses(
                "messages[2].tool_call_id",
                llama31,
                ChatPrompt.of(List.of(user, both, ChatVectors.result("c", "?"), resultA)));
        assertRefuses(
                "messages[3].tool_call_id",
                llama31,
                ChatPrompt.of(List.of(user, both, resultA, resultA)));
    }

    @Test
    void toolsGoIntoTheFirstMessageOfTheUserEvenAfterAnother() {
        var greeting = Message.of(Role.ASSISTANT, "Hello");
        var user = Message.of(Role.USER, "hi");
        var tool = ChatVectors.object("{\"type\":\"function\",\"function\":{\"name\":\"f\"}}");
        var prompt =
                new ChatPrompt(
                        List.of(greeting, user, user), List.of(tool), List.of(), true, true, false);
        var text = tokenizer.decode(llama31.render(prompt, tokenizer));
        var turns = text.split("<\\|start_header_id\\|>");
        assertEquals("assistant<|end_header_id|>\n\nHello<|eot_id|>", turns[2]);
        assertTrue(turns[3].startsWith("user<|end_header_id|>\n\nGiven the following"), turns[3]);
        assertTrue(turns[3].endsWith("}\n\nhi<|eot_id|>"), turns[3]);
        assertEquals("user<|end_header_id|>\n\nhi<|eot_id|>", turns[4]);
    }

    @Test
    void endsTurnsWithAnyOfThreeTokens() {
        assertEquals(Set.of(128001, 128008, 128009), llama31.endTokens(tokenizer));
        assertEquals(Set.of(128001, 128008, 128009), llama32.endTokens(tokenizer));
    }
}
