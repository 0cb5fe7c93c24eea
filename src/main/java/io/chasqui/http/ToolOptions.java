package io.chasqui.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.chasqui.chat.Tool;
import io.chasqui.chat.ToolChoice;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The tools of a chat request, and which of them its answer may call.
 *
 * @param tools what the model is told of
 * @param choice which calls the answer may make; null for none
 * @param named whether {@code tool_choice} names the one to call
 */
record ToolOptions(List<Tool> tools, ToolChoice choice, boolean named) {
    private static final ToolOptions NONE = new ToolOptions(List.of(), null, false);
    private static final Pattern NAME = Pattern.compile("[a-zA-Z0-9_-]{1,64}");
    private static final int MAX_TOOLS = 128;
    private static final int MAX_DESCRIPTION = 64 * 1024;
    private static final int MAX_SCHEMA_BYTES = 64 * 1024;
    private static final int MAX_TYPE = 64;

    /** SDKs refuse streams with more. */
    private static final int MAX_CALLS = 128;

    static ToolOptions read(Fields body) {
        var tools = tools(body);
        int maxCalls = body.flag("parallel_tool_calls", true) ? MAX_CALLS : 1;
        var value = body.get("tool_choice");
        if (value == null) {
            return tools.isEmpty() ? NONE : of(tools, false, maxCalls);
        }
        if (value.isTextual()) {
            return switch (value.textValue()) {
                case "none" -> NONE;
                case "auto" -> tools.isEmpty() ? NONE : of(tools, false, maxCalls);
                case "required" -> of(needTools(body, tools), true, maxCalls);
                default -> throw wrongChoice(body);
            };
        }
        if (!value.isObject()) {
            throw wrongChoice(body);
        }
        return chosen(body, body.object("tool_choice"), tools, maxCalls);
    }

    private static ApiException wrongChoice(Fields body) {
        return body.wrong("tool_choice", "none, auto, required or an object");
    }

    private static ToolOptions of(Map<String, Tool> tools, boolean required, int maxCalls) {
        var all = List.copyOf(tools.values());
        return new ToolOptions(all, new ToolChoice(required, all, maxCalls), false);
    }

    private static Map<String, Tool> needTools(Fields body, Map<String, Tool> tools) {
        if (tools.isEmpty()) {
            throw body.wrong("tool_choice", "left out when there are no 'tools'");
        }
        return tools;
    }

    private static ToolOptions chosen(
            Fields body, Fields choice, Map<String, Tool> tools, int maxCalls) {
        choice.require("type");
        var type = choice.text("type", MAX_TYPE);
        var all = List.copyOf(needTools(body, tools).values());
        var chosen =
                switch (type) {
                    case "function" -> {
                        var tool = reference(choice, tools);
                        yield new ToolOptions(all, new ToolChoice(true, List.of(tool), 1), true);
                    }
                    case "allowed_tools" -> allowed(choice, all, tools, maxCalls);
                    case "custom" ->
                            throw ApiException.unsupported(
                                    choice.path("type"), "Only tools of type 'function' exist.");
                    default -> throw choice.wrong("type", "function or allowed_tools");
                };
        choice.rejectUnknown();
        return chosen;
    }

    /** The tool that {@code {"type":"function","function":{"name":…}}} names. */
    private static Tool reference(Fields owner, Map<String, Tool> tools) {
        owner.require("function");
        var function = owner.object("function");
        function.require("name");
        var tool = tools.get(function.text("name", MAX_TYPE));
        if (tool == null) {
            throw function.wrong("name", "the name of one of the 'tools'");
        }
        function.rejectUnknown();
        return tool;
    }

    private static ToolOptions allowed(
            Fields choice, List<Tool> all, Map<String, Tool> tools, int maxCalls) {
        choice.require("allowed_tools");
        var allowed = choice.object("allowed_tools");
        allowed.require("mode");
        var mode = allowed.text("mode", MAX_TYPE);
        if (!mode.equals("auto") && !mode.equals("required")) {
            throw allowed.wrong("mode", "auto or required");
        }
        allowed.require("tools");
        var values = allowed.array("tools", MAX_TOOLS);
        var some = new LinkedHashMap<String, Tool>();
        for (int i = 0; i < values.size(); i++) {
            var reference = Fields.of(values.get(i), allowed.path("tools[" + i + "]"));
            requireFunction(reference);
            var tool = reference(reference, tools);
            reference.rejectUnknown();
            some.put(tool.name(), tool);
        }
        if (some.isEmpty()) {
            throw allowed.wrong("tools", "an array of at least one tool");
        }
        allowed.rejectUnknown();
        var toolChoice =
                new ToolChoice(mode.equals("required"), List.copyOf(some.values()), maxCalls);
        return new ToolOptions(all, toolChoice, false);
    }

    private static void requireFunction(Fields tool) {
        tool.require("type");
        if (!tool.text("type", MAX_TYPE).equals("function")) {
            throw ApiException.unsupported(
                    tool.path("type"), "Only tools of type 'function' are supported.");
        }
    }

    private static Map<String, Tool> tools(Fields body) {
        var tools = new LinkedHashMap<String, Tool>();
        var values = body.array("tools", MAX_TOOLS);
        for (int i = 0; values != null && i < values.size(); i++) {
            var fields = Fields.of(values.get(i), body.path("tools[" + i + "]"));
            var tool = tool(fields, (ObjectNode) values.get(i));
            if (tools.put(tool.name(), tool) != null) {
                throw ApiException.invalid(
                        fields.path("function.name"),
                        "'" + tool.name() + "' is the name of an earlier tool.");
            }
        }
        return tools;
    }

    private static Tool tool(Fields tool, ObjectNode node) {
        requireFunction(tool);
        tool.require("function");
        var function = tool.object("function");
        function.require("name");
        var name = function.text("name", MAX_TYPE);
        if (!NAME.matcher(name).matches()) {
            throw function.wrong("name", "1 to 64 letters, digits, '_' or '-'");
        }
        function.text("description", MAX_DESCRIPTION);
        boolean strict = function.flag("strict", false);
        var parameters = parameters(function);
        function.rejectUnknown();
        tool.rejectUnknown();
        return Tool.of(name, definition(node), parameters, strict);
    }

    /** Arguments are always an object; one whose list of properties is empty has none. */
    private static ObjectNode parameters(Fields function) {
        var value = function.get("parameters");
        if (value == null) {
            var none = JsonNodeFactory.instance.objectNode();
            return none.put("type", "object").put("additionalProperties", false);
        }
        if (!(value instanceof ObjectNode schema)) {
            throw function.wrong("parameters", "a JSON Schema of an object");
        }
        JsonNode type = schema.get("type");
        if (type != null && !(type.isTextual() && type.textValue().equals("object"))) {
            throw ApiException.invalid(
                    function.path("parameters.type"),
                    "'" + function.path("parameters.type") + "' must be \"object\".");
        }
        if (schema.toString().length() > MAX_SCHEMA_BYTES) {
            throw function.wrong("parameters", "at most " + MAX_SCHEMA_BYTES + " characters long");
        }
        boolean lists = schema.path("properties").isObject();
        if (lists && schema.get("properties").isEmpty() && !schema.has("additionalProperties")) {
            return schema.deepCopy().put("type", "object").put("additionalProperties", false);
        }
        return type == null ? schema.deepCopy().put("type", "object") : schema;
    }

    /** What the model is told: how exactly it is held to the schema is none of its business. */
    private static ObjectNode definition(ObjectNode tool) {
        var told = tool.deepCopy();
        ((ObjectNode) told.get("function")).remove("strict");
        return told;
    }

    /** Where the schema of a tool stands in the request, by its place in {@link #tools}. */
    static String schemaPath(int index) {
        return "tools[" + index + "].function.parameters";
    }
}
