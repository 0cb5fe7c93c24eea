package io.chasqui.http;

import static io.chasqui.http.RequestTable.accepts;
import static io.chasqui.http.RequestTable.rejects;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.chasqui.chat.Message.Role;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The messages of a chat request, in the shapes that clients send and in those they must not. */
class MessagesTest {
    private static final String CALL =
            """
            {"role":"assistant","tool_calls":[{"id":"c1","type":"function",\
            "function":{"name":"f","arguments":"{\\"x\\":1}"}}]}""";

    private static ChatCompletionRequest read(String messages) {
        return RequestTable.chat("{\"model\":\"m\",\"messages\":[" + messages + "]}");
    }

    @Test
    void rolesAndContent() {
        var messages =
                read("""
                                {"role":"developer","content":"d","name":"x"},
                                {"content":[{"type":"text","text":"a"},{"text":"b","type":"text"}],"role":"user"},
                                {"role":"assistant","content":[{"type":"refusal","refusal":"no"},{"type":"text","text":"!"}]},
                                {"role":"user","content":""}
                                """)
                        .prompt()
                        .messages();
        assertEquals(Role.SYSTEM, messages.get(0).role());
        assertEquals("ab", messages.get(1).content());
        assertEquals("no!", messages.get(2).content());
        assertEquals("", messages.get(3).content());
    }

    @Test
    void toolHistoryWithoutTools() {
        var messages =
                read(CALL + ",{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"7\"}")
                        .prompt()
                        .messages();
        var call = messages.get(0).toolCalls().getFirst();
        assertEquals("", messages.get(0).content());
        assertEquals("f", call.name());
        assertEquals(1, call.arguments().get("x").intValue());
        assertEquals("c1", messages.get(1).toolCallId());
    }

    @Test
    void leftoversOfSdkAnswers() {
        accepts(
                "dumped answer",
                () ->
                        read(
                                """
                                {"role":"assistant","content":"x","refusal":null,"annotations":[],
                                "audio":null,"function_call":null,"tool_calls":null},
                                {"role":"user","content":"y"}
                                """));
    }

    @Test
    void leftoversOfSdkAnswersInTheirParts() {
        var messages =
                read("""
                                {"role":"assistant","content":[{"type":"text","text":"a","role":"assistant",\
                                "refusal":null,"tool_calls":[{"id":"c"}]}]},
                                {"role":"assistant","content":[{"type":"text","text":"b","annotations":[]}]},
                                {"role":"user","content":"y"}
                                """)
                        .prompt()
                        .messages();
        assertEquals("a", messages.get(0).content());
        assertEquals(0, messages.get(0).toolCalls().size());
        assertEquals("b", messages.get(1).content());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "5 | invalid_value | messages[0]",
                "{} | missing_required_parameter | messages[0].role",
                "{\"role\":\"user\"} | missing_required_parameter | messages[0].content",
                "{\"role\":\"user\",\"content\":null} | missing_required_parameter | messages[0].content",
                "{\"role\":\"user\",\"content\":5} | invalid_value | messages[0].content",
                "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\",\"role\":\"user\"}]} | unknown_parameter | messages[0].content[0].role",
                "{\"role\":\"user\",\"content\":[]} | invalid_value | messages[0].content",
                "{\"role\":\"king\",\"content\":\"\"} | invalid_value | messages[0].role",
                "{\"role\":\"function\",\"content\":\"\",\"name\":\"f\"} | unsupported_parameter | messages[0].role",
                "{\"role\":\"user\",\"content\":\"\",\"x\":1} | unknown_parameter | messages[0].x",
                "{\"role\":\"assistant\"} | missing_required_parameter | messages[0].content",
                "{\"role\":\"assistant\",\"content\":null} | missing_required_parameter | messages[0].content",
                "{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"http://x\"}}]} | unsupported_parameter | messages[0].content[0].type",
                "{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\"}]} | unsupported_parameter | messages[0].content[0].type",
                "{\"role\":\"user\",\"content\":[{\"type\":\"file\"}]} | unsupported_parameter | messages[0].content[0].type",
                "{\"role\":\"user\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"x\"}]} | unsupported_parameter | messages[0].content[0].type",
                "{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]} | missing_required_parameter | messages[0].content[0].text",
                "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":5}]} | invalid_value | messages[0].content[0].text",
                "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"\",\"y\":1}]} | unknown_parameter | messages[0].content[0].y",
                "{\"role\":\"tool\",\"content\":\"x\"} | missing_required_parameter | messages[0].tool_call_id",
                "{\"role\":\"tool\",\"content\":\"x\",\"tool_call_id\":\"c9\"} | invalid_value | messages[0].tool_call_id",
                "{\"role\":\"user\",\"content\":\"\\ud800\"} | invalid_value | messages[0].content",
                "{\"role\":\"assistant\",\"tool_calls\":[{}]} | missing_required_parameter | messages[0].tool_calls[0].id",
                "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"type\":\"custom\"}]} | unsupported_parameter | messages[0].tool_calls[0].type",
                "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"[]\"}}]} | invalid_value | messages[0].tool_calls[0].function.arguments",
                "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]} | invalid_value | messages[0].tool_calls[0].function.arguments",
                "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]} | invalid_value | messages[0].tool_calls[0].function.arguments",
                "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":{}}}]} | invalid_value | messages[0].tool_calls[0].function.arguments",
            })
    void fail(String messages, String code, String param) {
        rejects(messages, () -> read(messages), code, param);
    }

    @Test
    void noneAtAll() {
        rejects("none", () -> read(""), "invalid_value", "messages");
        rejects(
                "absent",
                () -> RequestTable.chat("{\"model\":\"m\"}"),
                "missing_required_parameter",
                "messages");
    }
}
