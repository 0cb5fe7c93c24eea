package io.chasqui.chat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;

/**
 * What a chat format renders.
 *
 * @param tools function tools in OpenAI's form {@code {"type":"function","function":{…}}}; empty
 *     for none
 * @param builtinTools names of Llama's built-in tools switched on; empty for none
 * @param toolsInUserMessage whether tools go into the first user message (the official default) or
 *     into the system block
 * @param addGenerationPrompt whether to open an assistant turn at the end
 * @param continueFinalMessage whether the last assistant turn is left open to be continued
 */
public record ChatPrompt(
        List<Message> messages,
        List<ObjectNode> tools,
        List<String> builtinTools,
        boolean toolsInUserMessage,
        boolean addGenerationPrompt,
        boolean continueFinalMessage) {

    /** A conversation without tools, to be answered. */
    public static ChatPrompt of(List<Message> messages) {
        return new ChatPrompt(messages, List.of(), List.of(), true, true, false);
    }

    /** The same with these tools. */
    ChatPrompt withTools(List<ObjectNode> tools, List<String> builtinTools) {
        return new ChatPrompt(
                messages,
                tools,
                builtinTools,
                toolsInUserMessage,
                addGenerationPrompt,
                continueFinalMessage);
    }
}
