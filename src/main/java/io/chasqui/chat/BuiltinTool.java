package io.chasqui.chat;

import java.util.List;

/**
 * Tools that Llama 3.1 was trained to call in forms of their own, behind {@code <|python_tag|>}. A
 * function of the request with such a name and parameter is called that way.
 */
enum BuiltinTool {
    BRAVE_SEARCH("brave_search", "query"),
    WOLFRAM_ALPHA("wolfram_alpha", "query"),
    CODE_INTERPRETER("code_interpreter", "code");

    private final String toolName;
    private final String parameter;

    BuiltinTool(String toolName, String parameter) {
        this.toolName = toolName;
        this.parameter = parameter;
    }

    String toolName() {
        return toolName;
    }

    String parameter() {
        return parameter;
    }

    /** The one that this tool is, or null. */
    static BuiltinTool of(Tool tool) {
        for (var builtin : values()) {
            if (builtin.toolName.equals(tool.name()) && tool.takesOnly(builtin.parameter)) {
                return builtin;
            }
        }
        return null;
    }

    static List<Tool> among(List<Tool> tools) {
        return tools.stream().filter(tool -> of(tool) != null).toList();
    }
}
