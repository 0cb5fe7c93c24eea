package io.chasqui.chat;

import java.util.List;

/**
 * One turn of a conversation, after validation: text parts are joined, absent content is "".
 *
 * @param content the text, never null
 * @param toolCalls calls made by an assistant turn; empty for others
 * @param toolCallId for a tool turn, the call it answers; else null
 */
public record Message(Role role, String content, List<ToolCall> toolCalls, String toolCallId) {

    /** Who speaks. {@code developer} arrives here as SYSTEM. */
    public enum Role {
        SYSTEM,
        USER,
        ASSISTANT,
        TOOL
    }

    public static Message of(Role role, String content) {
        return new Message(role, content, List.of(), null);
    }
}
