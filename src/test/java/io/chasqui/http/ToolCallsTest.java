package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Calls of tools, by models that would say anything and by models with a script. */
@QuarkusTest
class ToolCallsTest extends HttpTestBase {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final String TOOLS =
            """
            "tools":[{"type":"function","function":{"name":"get_weather","strict":true,\
            "description":"Weather of a city","parameters":{"type":"object","properties":\
            {"city":{"enum":["Cusco","Puno"]},"days":{"type":"integer","minimum":0,"maximum":9}},\
            "required":["city","days"],"additionalProperties":false}}},\
            {"type":"function","function":{"name":"now"}}]""";

    private static final String SHORT_TOOLS =
            "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]";

    private static JsonNode body(HttpResponse<String> response) throws IOException {
        assertEquals(200, response.statusCode(), response.body());
        return JSON.readTree(response.body());
    }

    private static JsonNode choice(HttpResponse<String> response) throws IOException {
        return body(response).at("/choices/0");
    }

    private static void assertIsOneOfTheTools(JsonNode call) throws IOException {
        assertEquals(Set.of("id", "type", "function"), names(call));
        assertEquals("function", call.get("type").textValue());
        assertTrue(call.get("id").textValue().startsWith("call_"));
        var arguments = JSON.readTree(call.at("/function/arguments").textValue());
        if (call.at("/function/name").textValue().equals("now")) {
            assertEquals(JSON.createObjectNode(), arguments);
        } else {
            assertEquals("get_weather", call.at("/function/name").textValue());
            assertEquals(Set.of("city", "days"), names(arguments));
        }
    }

    private static Set<String> names(JsonNode object) {
        var names = new TreeSet<String>();
        object.fieldNames().forEachRemaining(names::add);
        return names;
    }

    /** Messages of the choices, put together from a stream as the SDKs do it. */
    private static List<ObjectNode> accumulated(String stream) throws IOException {
        var messages = new ArrayList<ObjectNode>();
        for (var line : stream.split("\n")) {
            if (!line.startsWith("data: {")) {
                continue;
            }
            for (var choice : JSON.readTree(line.substring(6)).get("choices")) {
                int index = choice.get("index").intValue();
                while (messages.size() <= index) {
                    messages.add(JSON.createObjectNode());
                }
                var message = messages.get(index);
                addDelta(message, choice.get("delta"));
                if (!choice.get("finish_reason").isNull()) {
                    message.set("finish_reason", choice.get("finish_reason"));
                }
            }
        }
        return messages;
    }

    private static void addDelta(ObjectNode message, JsonNode delta) {
        if (delta.has("content") && !(message.has("content") && delta.get("content").isNull())) {
            var text = delta.get("content").isNull() ? null : delta.get("content").textValue();
            message.put("content", text == null ? null : message.path("content").asText("") + text);
        }
        for (var call : delta.path("tool_calls")) {
            var calls = message.withArray("tool_calls");
            int index = call.get("index").intValue();
            if (calls.size() == index) {
                assertEquals(Set.of("index", "id", "type", "function"), names(call));
                assertEquals("", call.at("/function/arguments").textValue());
                calls.addObject()
                        .put("name", call.at("/function/name").textValue())
                        .put("arguments", "");
            } else {
                assertEquals(calls.size() - 1, index, "calls one after the other");
                assertEquals(Set.of("index", "function"), names(call));
                assertEquals(Set.of("arguments"), names(call.get("function")));
                var known = (ObjectNode) calls.get(index);
                known.put(
                        "arguments",
                        known.get("arguments").textValue()
                                + call.at("/function/arguments").textValue());
            }
        }
    }

    @Test
    void aRequiredCallIsValidInEachChoiceAndTheStreamSaysTheSame() throws IOException {
        for (int seed = 0; seed < 8; seed++) {
            var members =
                    "\"n\":2,\"seed\":%d,\"max_tokens\":150,\"tool_choice\":\"required\",%s,\"parallel_tool_calls\":%s"
                            .formatted(seed, TOOLS, seed % 2 == 0);
            var choices = body(chat(TestModels.ROOMY_HASH, members)).get("choices");
            var streamed =
                    accumulated(chat(TestModels.ROOMY_HASH, members + ",\"stream\":true").body());
            for (int i = 0; i < 2; i++) {
                var choice = choices.get(i);
                var message = choice.get("message");
                assertTrue(message.get("content").isNull(), message.toString());
                assertEquals(choice.get("finish_reason"), streamed.get(i).get("finish_reason"));
                assertTrue(streamed.get(i).get("content").isNull());
                assertEquals(flat(message.get("tool_calls")), streamed.get(i).get("tool_calls"));
                if (seed % 2 == 1) {
                    assertEquals("tool_calls", choice.get("finish_reason").textValue());
                    assertEquals(1, message.get("tool_calls").size());
                }
                if (choice.get("finish_reason").textValue().equals("tool_calls")) {
                    for (var call : message.get("tool_calls")) {
                        assertIsOneOfTheTools(call);
                    }
                }
            }
        }
    }

    private static JsonNode flat(JsonNode calls) {
        var flat = JSON.createArrayNode();
        for (var call : calls) {
            flat.addObject()
                    .put("name", call.at("/function/name").textValue())
                    .put("arguments", call.at("/function/arguments").textValue());
        }
        return flat;
    }

    @Test
    void aNamedToolIsCalledAndTheAnswerStops() throws IOException {
        var choice =
                choice(
                        chat(
                                TestModels.ROOMY_HASH,
                                TOOLS
                                        + ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"get_weather\"}}"));
        assertEquals("stop", choice.get("finish_reason").textValue());
        assertEquals(1, choice.at("/message/tool_calls").size());
        assertEquals("get_weather", choice.at("/message/tool_calls/0/function/name").textValue());
    }

    @Test
    void onlyAllowedToolsAreCalled() throws IOException {
        for (int seed = 0; seed < 5; seed++) {
            var choice =
                    choice(
                            chat(
                                    TestModels.ROOMY_HASH,
                                    TOOLS
                                            + ",\"parallel_tool_calls\":false,\"seed\":"
                                            + seed
                                            + ",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"required\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"now\"}}]}}"));
            assertEquals("tool_calls", choice.get("finish_reason").textValue());
            assertEquals("now", choice.at("/message/tool_calls/0/function/name").textValue());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"none", "auto"})
    void whoDoesNotCallAnswers(String choice) throws IOException {
        var answer =
                choice(
                        chat(
                                TestModels.SCRIPTED,
                                SHORT_TOOLS + ",\"tool_choice\":\"" + choice + "\""));
        assertEquals("stop", answer.get("finish_reason").textValue());
        assertEquals(TestModels.SCRIPT, answer.at("/message/content").textValue());
        assertFalse(answer.get("message").has("tool_calls"));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aModelThatCallsByItselfIsUnderstood(boolean stream) throws IOException {
        var response = chat(TestModels.CALLS, TOOLS + ",\"stream\":" + stream);
        var expected =
                JSON.readTree(
                        "[{\"name\":\"get_weather\",\"arguments\":\"{\\\"city\\\": \\\"Puno\\\", \\\"days\\\": 3}\"},{\"name\":\"now\",\"arguments\":\"{}\"}]");
        if (stream) {
            var message = accumulated(response.body()).getFirst();
            assertEquals("I look. ", message.get("content").textValue());
            assertEquals(expected, message.get("tool_calls"));
            assertEquals("tool_calls", message.get("finish_reason").textValue());
        } else {
            var choice = choice(response);
            assertEquals("I look. ", choice.at("/message/content").textValue());
            assertEquals(expected, flat(choice.at("/message/tool_calls")));
            assertEquals("tool_calls", choice.get("finish_reason").textValue());
        }
    }

    @Test
    void withoutToolsACallIsText() throws IOException {
        var text = choice(chat(TestModels.CALLS, "\"temperature\":1")).at("/message/content");
        assertEquals(TestModels.CALLS_SCRIPT, text.textValue());
    }

    @Test
    void aCallCutByLengthSaysSoInBothForms() throws IOException {
        var members = TOOLS + ",\"tool_choice\":\"required\",\"seed\":1,\"max_tokens\":50";
        var choice = choice(chat(TestModels.ROOMY_HASH, members));
        assertEquals("length", choice.get("finish_reason").textValue());
        var streamed =
                accumulated(chat(TestModels.ROOMY_HASH, members + ",\"stream\":true").body());
        assertEquals(
                flat(choice.at("/message/tool_calls")), streamed.getFirst().path("tool_calls"));
    }

    @Test
    void anAnswerIsACallOrOfTheFormat() throws IOException {
        for (int seed = 0; seed < 6; seed++) {
            var members =
                    TOOLS
                            + ",\"seed\":"
                            + seed
                            + ",\"parallel_tool_calls\":false,\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{\"type\":\"object\",\"properties\":{\"name\":{\"enum\":[\"get_weather\"]}},\"required\":[\"name\"]}}}";
            var choice = choice(chat(TestModels.ROOMY_HASH, members));
            if (choice.at("/message").has("tool_calls")) {
                assertIsOneOfTheTools(choice.at("/message/tool_calls/0"));
            } else {
                assertEquals(
                        "{\"name\":\"get_weather\"}", choice.at("/message/content").textValue());
            }
        }
    }

    @Test
    void tokensOfCallsHaveTheirLogprobsOnce() throws IOException {
        var members =
                TOOLS
                        + ",\"tool_choice\":\"required\",\"parallel_tool_calls\":false,\"seed\":3,\"logprobs\":true,\"return_token_ids\":true";
        var whole = body(chat(TestModels.ROOMY_HASH, members));
        int count = whole.at("/choices/0/token_ids").size();
        assertEquals(count, whole.at("/choices/0/logprobs/content").size());
        var stream = chat(TestModels.ROOMY_HASH, members + ",\"stream\":true").body();
        var ids = JSON.createArrayNode();
        for (var line : stream.split("\n")) {
            if (line.startsWith("data: {")) {
                JSON.readTree(line.substring(6)).at("/choices/0/token_ids").forEach(ids::add);
            }
        }
        assertEquals(whole.at("/choices/0/token_ids"), ids);
    }

    @Test
    void aHistoryOfCallsIsAcceptedWithoutTools() throws IOException {
        var response =
                post(
                        "/v1/chat/completions",
                        """
                        {"model":"%s","messages":[{"role":"user","content":"Weather?"},\
                        {"role":"assistant","tool_calls":[\
                        {"id":"a","type":"function","function":{"name":"f","arguments":"{\\"x\\":1}"}},\
                        {"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]},\
                        {"role":"tool","tool_call_id":"b","content":"dry"},\
                        {"role":"tool","tool_call_id":"a","content":"cold"}]}"""
                                .formatted(TestModels.SCRIPTED));
        assertEquals(TestModels.SCRIPT, choice(response).at("/message/content").textValue());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"tools\":[{\"type\":\"custom\",\"custom\":{\"name\":\"x\"}}]|tools[0].type|unsupported_parameter",
                "\"tools\":[{\"type\":\"function\"}]|tools[0].function|missing_required_parameter",
                "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a.b\"}}]|tools[0].function.name|invalid_value",
                "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"x\":1}}]|tools[0].function.x|unknown_parameter",
                "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}},{\"type\":\"function\",\"function\":{\"name\":\"a\"}}]|tools[1].function.name|invalid_value",
                "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":{\"type\":\"string\"}}}]|tools[0].function.parameters.type|invalid_value",
                "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":[]}}]|tools[0].function.parameters|invalid_value",
                "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"ok\"}},{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":{\"properties\":{\"x\":{\"$ref\":\"http://x/y\"}},\"required\":[\"x\"]}}}]|tools[1].function.parameters|invalid_schema",
                "\"tool_choice\":\"required\"|tool_choice|invalid_value",
                "\"tool_choice\":\"sometimes\"|tool_choice|invalid_value",
                "\"tool_choice\":1|tool_choice|invalid_value",
                "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"a\"}}|tool_choice|invalid_value",
                "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"b\"}}|tool_choice.function.name|invalid_value",
                "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}}],\"tool_choice\":{\"type\":\"custom\",\"custom\":{\"name\":\"a\"}}|tool_choice.type|unsupported_parameter",
                "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}}],\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"none\",\"tools\":[]}}|tool_choice.allowed_tools.mode|invalid_value",
                "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}}],\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[]}}|tool_choice.allowed_tools.tools|invalid_value",
                "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}}],\"structured_outputs\":{\"regex\":\"x\"}|structured_outputs.regex|unsupported_parameter",
                "\"parallel_tool_calls\":\"no\"|parallel_tool_calls|invalid_value"
            })
    void whatCannotBeIsRefusedByName(String members, String param, String code) throws IOException {
        var response = chat(TestModels.ROOMY_HASH, members);
        assertEquals(400, response.statusCode(), response.body());
        var error = JSON.readTree(response.body()).get("error");
        assertEquals(param, error.get("param").textValue(), error.toString());
        assertEquals(code, error.get("code").textValue(), error.toString());
    }

    @Test
    void theWholeConversationIsTokenizedWithItsTools() throws IOException {
        var plain =
                post(
                        "/tokenize",
                        "{\"model\":\"roomy-hash\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
        var told =
                post(
                        "/tokenize",
                        "{\"model\":\"roomy-hash\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],"
                                + TOOLS
                                + "}");
        assertTrue(body(told).get("count").intValue() > body(plain).get("count").intValue() + 100);
    }
}
