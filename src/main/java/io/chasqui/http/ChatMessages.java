package io.chasqui.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.chasqui.chat.Message;
import io.chasqui.chat.Message.Role;
import io.chasqui.chat.ToolCall;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Reads the {@code messages} of a chat request. */
final class ChatMessages {
    private static final int MAX_MESSAGES = 10_000;
    private static final int MAX_PARTS = 10_000;
    private static final int MAX_TOOL_CALLS = 128;
    private static final int MAX_NAME = 256;

    /** Members of an assistant's message that an agent framework copies into its parts. */
    private static final List<String> LEFTOVERS =
            List.of("role", "refusal", "tool_calls", "annotations");

    private final Set<String> callIds = new HashSet<>();

    private ChatMessages() {}

    static List<Message> read(Fields body) {
        body.require("messages");
        var values = body.array("messages", MAX_MESSAGES);
        if (values.isEmpty()) {
            throw body.wrong("messages", "an array of at least one message");
        }
        var reader = new ChatMessages();
        var messages = new ArrayList<Message>();
        for (int i = 0; i < values.size(); i++) {
            messages.add(
                    reader.message(Fields.of(values.get(i), body.path("messages[" + i + "]"))));
        }
        return List.copyOf(messages);
    }

    private Message message(Fields message) {
        message.require("role");
        var role = message.text("role", MAX_NAME);
        message.text("name", MAX_NAME);
        var read =
                switch (role) {
                    case "system", "developer" -> plain(message, Role.SYSTEM);
                    case "user" -> plain(message, Role.USER);
                    case "assistant" -> assistant(message);
                    case "tool" -> tool(message);
                    case "function" ->
                            throw ApiException.unsupported(
                                    message.path("role"),
                                    "The role 'function' is not supported. Use 'tool'.");
                    default ->
                            throw message.wrong(
                                    "role", "system, developer, user, assistant or tool");
                };
        message.rejectUnknown();
        return read;
    }

    /** Checks a {@code content} member of text or text parts, and returns its text. */
    static String readContent(Fields owner) {
        owner.require("content");
        return content(owner, false);
    }

    private static Message plain(Fields message, Role role) {
        return Message.of(role, readContent(message));
    }

    private Message tool(Fields message) {
        var content = readContent(message);
        message.require("tool_call_id");
        var id = message.text("tool_call_id", MAX_NAME);
        if (!callIds.contains(id)) {
            throw message.wrong("tool_call_id", "the id of an earlier tool call");
        }
        return new Message(Role.TOOL, content, List.of(), id);
    }

    private Message assistant(Fields message) {
        message.refuse("audio", "Audio is not supported.");
        message.refuse("function_call", "'function_call' is not supported. Use 'tool_calls'.");
        message.array("annotations", 0);
        var calls = toolCalls(message);
        var refusal = message.text("refusal", JsonBody.MAX_BYTES);
        if (message.get("content") != null) {
            return new Message(Role.ASSISTANT, content(message, true), calls, null);
        }
        if (refusal == null && calls.isEmpty()) {
            throw new ApiException(ApiError.missing(message.path("content")));
        }
        return new Message(Role.ASSISTANT, refusal == null ? "" : refusal, calls, null);
    }

    private static String content(Fields message, boolean assistant) {
        var content = message.get("content");
        if (content.isTextual()) {
            return message.text("content", JsonBody.MAX_BYTES);
        }
        if (!content.isArray() || content.isEmpty() || content.size() > MAX_PARTS) {
            throw message.wrong("content", "a string or an array of text parts");
        }
        var text = new StringBuilder();
        for (int i = 0; i < content.size(); i++) {
            text.append(part(content.get(i), message.path("content[" + i + "]"), assistant));
        }
        return text.toString();
    }

    private static String part(JsonNode value, String path, boolean assistant) {
        var part = Fields.of(value, path);
        part.require("type");
        var type = part.text("type", MAX_NAME);
        boolean refusal = assistant && type.equals("refusal");
        if (!type.equals("text") && !refusal) {
            throw ApiException.unsupported(
                    part.path("type"),
                    "Only text parts are supported; '" + Text.shown(type) + "' is not.");
        }
        part.require(type);
        var text = part.text(type, JsonBody.MAX_BYTES);
        if (!refusal) {
            readCacheBreakpoint(part.object("prompt_cache_breakpoint"));
        }
        if (assistant) {
            LEFTOVERS.forEach(part::get);
        }
        part.rejectUnknown();
        return text;
    }

    /** A hint: prefixes are found without it. */
    private static void readCacheBreakpoint(Fields breakpoint) {
        if (breakpoint != null) {
            breakpoint.text("mode", MAX_NAME);
            breakpoint.rejectUnknown();
        }
    }

    private List<ToolCall> toolCalls(Fields message) {
        var values = message.array("tool_calls", MAX_TOOL_CALLS);
        if (values == null) {
            return List.of();
        }
        var calls = new ArrayList<ToolCall>();
        for (int i = 0; i < values.size(); i++) {
            calls.add(toolCall(Fields.of(values.get(i), message.path("tool_calls[" + i + "]"))));
        }
        return List.copyOf(calls);
    }

    private ToolCall toolCall(Fields call) {
        call.require("id");
        var id = call.text("id", MAX_NAME);
        var type = call.text("type", MAX_NAME);
        if (type != null && !type.equals("function")) {
            throw ApiException.unsupported(
                    call.path("type"), "Only calls of type 'function' are supported.");
        }
        // Left over when a client joins the deltas of a stream.
        call.integer("index", 0, Integer.MAX_VALUE);
        call.require("function");
        var function = call.object("function");
        function.require("name");
        var name = function.text("name", MAX_NAME);
        function.require("arguments");
        var arguments = function.text("arguments", JsonBody.MAX_BYTES);
        function.rejectUnknown();
        call.rejectUnknown();
        callIds.add(id);
        return new ToolCall(id, name, JsonBody.embedded(arguments, function.path("arguments")));
    }
}
