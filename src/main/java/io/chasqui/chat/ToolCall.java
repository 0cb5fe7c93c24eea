package io.chasqui.chat;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** A function call in the history; arguments already parsed from their JSON string. */
public record ToolCall(String id, String name, ObjectNode arguments) {}
