package io.chasqui.chat;

import java.util.List;

/**
 * Which calls an answer may make.
 *
 * @param required whether it has to make one
 * @param tools those that may be called, at least one
 * @param maxCalls most calls of an answer
 */
public record ToolChoice(boolean required, List<Tool> tools, int maxCalls) {
    public ToolChoice {
        tools = List.copyOf(tools);
    }
}
