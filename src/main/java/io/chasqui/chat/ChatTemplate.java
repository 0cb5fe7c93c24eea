package io.chasqui.chat;

import io.chasqui.tokenizer.Tokenizer;
import java.util.List;
import java.util.Set;

/**
 * A chat format: turns a conversation into token ids. The scaffold is emitted as special tokens;
 * message text is encoded with special tokens disabled, so no text can forge a turn.
 */
public interface ChatTemplate {

    /** The value of {@code --chat-format} that selects it. */
    String name();

    /** Names of the special tokens that every conversation in it needs. */
    List<String> scaffold();

    /**
     * Renders a conversation.
     *
     * @throws ChatFormatException if the format cannot express it; the message is meant for the
     *     client
     */
    int[] render(ChatPrompt prompt, Tokenizer tokenizer);

    /** Token ids that end an assistant turn. */
    Set<Integer> endTokens(Tokenizer tokenizer);

    /** How calls of tools are written in it. */
    ToolCallSyntax toolCalls(Tokenizer tokenizer);

    /** Name of the special token that means something within answers, or null. */
    default String marker() {
        return null;
    }
}
