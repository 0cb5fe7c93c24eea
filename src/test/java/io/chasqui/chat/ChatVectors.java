package io.chasqui.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.chasqui.chat.Message.Role;
import io.chasqui.testing.SharedData;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;

/**
 * Reference renderings of chat templates. Their inputs are prepared as requests are: absent content
 * is "", parts are joined, arguments are parsed, empty lists of tools and calls are none.
 */
final class ChatVectors {
    private static final ObjectMapper JSON = new ObjectMapper();

    private ChatVectors() {}

    /** Vectors by name, in order. */
    static Map<String, JsonNode> read(String file) throws IOException {
        var vectors = new LinkedHashMap<String, JsonNode>();
        JSON.readTree(SharedData.path(file).toFile())
                .forEach(vector -> vectors.put(vector.get("name").asText(), vector));
        return vectors;
    }

    static int[] ids(JsonNode array) {
        return IntStream.range(0, array.size()).map(i -> array.get(i).asInt()).toArray();
    }

    static ChatPrompt prompt(JsonNode vector) {
        var input = vector.get("input");
        var messages = new ArrayList<Message>();
        for (var message : input.get("messages")) {
            messages.add(message(message));
        }
        return new ChatPrompt(
                messages,
                StreamSupport.stream(input.path("tools").spliterator(), false)
                        .map(ObjectNode.class::cast)
                        .toList(),
                StreamSupport.stream(input.path("builtin_tools").spliterator(), false)
                        .map(JsonNode::asText)
                        .toList(),
                input.path("tools_in_user_message").asBoolean(true),
                input.path("add_generation_prompt").asBoolean(false),
                false);
    }

    private static Message message(JsonNode message) {
        var calls = new ArrayList<ToolCall>();
        for (var call : message.path("tool_calls")) {
            var function = call.get("function");
            calls.add(
                    new ToolCall(
                            call.path("id").asText(null),
                            function.get("name").asText(),
                            arguments(function.get("arguments"))));
        }
        return new Message(
                role(message.get("role").asText()),
                content(message.path("content")),
                calls,
                message.path("tool_call_id").asText(null));
    }

    private static Role role(String name) {
        return switch (name) {
            case "system", "developer" -> Role.SYSTEM;
            case "user" -> Role.USER;
            case "assistant" -> Role.ASSISTANT;
            case "tool", "ipython" -> Role.TOOL;
            default -> throw new IllegalArgumentException(name);
        };
    }

    private static String content(JsonNode content) {
        if (content.isArray()) {
            var text = new StringBuilder();
            content.forEach(part -> text.append(part.get("text").asText()));
            return text.toString();
        }
        if (content.isNull() || content.isMissingNode()) {
            return "";
        }
        return content.isTextual() ? content.textValue() : PythonText.json(content);
    }

    private static ObjectNode arguments(JsonNode arguments) {
        try {
            return (ObjectNode)
                    (arguments.isTextual() ? JSON.readTree(arguments.asText()) : arguments);
        } catch (IOException e) {
            throw new IllegalArgumentException(e);
        }
    }

    static ObjectNode object(String json) {
        return arguments(JSON.getNodeFactory().textNode(json));
    }

    static Message call(String id, String name, String arguments) {
        var calls = List.of(new ToolCall(id, name, object(arguments)));
        return new Message(Role.ASSISTANT, "", calls, null);
    }

    static Message result(String id, String content) {
        return new Message(Role.TOOL, content, List.of(), id);
    }
}
