package io.chasqui.chat;

import io.chasqui.chat.Message.Role;
import io.chasqui.tokenizer.Tokenizer;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** What every chat format asks of a conversation. */
final class Conversation {
    private Conversation() {}

    /**
     * @throws ChatFormatException if there is no turn, or none that can be continued though asked
     */
    static void check(ChatPrompt prompt) {
        if (prompt.messages().isEmpty()) {
            throw new ChatFormatException("messages", "must hold at least one message");
        }
        if (!prompt.continueFinalMessage()) {
            return;
        }
        if (prompt.addGenerationPrompt()) {
            throw new ChatFormatException(
                    "continue_final_message", "cannot go with add_generation_prompt");
        }
        var last = prompt.messages().getLast();
        if (last.role() != Role.ASSISTANT || !last.toolCalls().isEmpty()) {
            throw new ChatFormatException(
                    "continue_final_message",
                    "needs a last message of the assistant, without tool calls");
        }
    }

    /** Ids of those tokens that the tokenizer has. */
    static Set<Integer> idsOf(List<String> names, Tokenizer tokenizer) {
        return names.stream()
                .map(tokenizer::specialToken)
                .filter(id -> id >= 0)
                .collect(Collectors.toUnmodifiableSet());
    }
}
