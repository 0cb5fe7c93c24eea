package io.chasqui.chat;

import io.chasqui.chat.Message.Role;
import io.chasqui.tokenizer.Tokenizer;
import java.util.List;
import java.util.Set;

/**
 * ChatML: {@code <|im_start|>role\ncontent<|im_end|>\n} per turn, nothing trimmed. It has no form
 * for tools.
 */
public final class ChatMlTemplate implements ChatTemplate {
    static final String START = "<|im_start|>";
    static final String END = "<|im_end|>";

    private final String name;
    private final String defaultSystemPrompt;
    private final boolean lastTurnMayStayOpen;

    /**
     * @param name value of {@code --chat-format}
     * @param defaultSystemPrompt system turn of a conversation that begins without one; null for
     *     none
     * @param lastTurnMayStayOpen whether the last turn is closed only where an answer is asked for,
     *     and no answer follows an assistant turn, as in vLLM's template
     */
    public ChatMlTemplate(String name, String defaultSystemPrompt, boolean lastTurnMayStayOpen) {
        this.name = name;
        this.defaultSystemPrompt = defaultSystemPrompt;
        this.lastTurnMayStayOpen = lastTurnMayStayOpen;
    }

    /** As vLLM's {@code template_chatml.jinja}. */
    public static ChatMlTemplate generic() {
        return new ChatMlTemplate("chatml", null, true);
    }

    /** As in the SmolLM2-Instruct checkpoints. */
    public static ChatMlTemplate smolLm2() {
        return new ChatMlTemplate(
                "smollm2",
                "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
                false);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public List<String> scaffold() {
        return List.of(START, END);
    }

    @Override
    public int[] render(ChatPrompt prompt, Tokenizer tokenizer) {
        Conversation.check(prompt);
        if (!prompt.tools().isEmpty() || !prompt.builtinTools().isEmpty()) {
            throw new ChatFormatException(
                    "tools", "the chat format " + name + " of this model has no form for tools");
        }
        var messages = prompt.messages();
        var out = new PromptWriter(tokenizer);
        if (defaultSystemPrompt != null && messages.getFirst().role() != Role.SYSTEM) {
            open(Role.SYSTEM, out).text(defaultSystemPrompt);
            close(out);
        }
        for (int i = 0; i < messages.size(); i++) {
            writeTurn(messages.get(i), i, out);
            if (i < messages.size() - 1 || !staysOpen(prompt)) {
                close(out);
            }
        }
        boolean answered = messages.getLast().role() == Role.ASSISTANT;
        if (prompt.addGenerationPrompt() && !(lastTurnMayStayOpen && answered)) {
            open(Role.ASSISTANT, out);
        }
        return out.toIds();
    }

    private boolean staysOpen(ChatPrompt prompt) {
        return prompt.continueFinalMessage()
                || lastTurnMayStayOpen && !prompt.addGenerationPrompt();
    }

    private void writeTurn(Message message, int index, PromptWriter out) {
        if (!message.toolCalls().isEmpty()) {
            throw new ChatFormatException(
                    "messages[" + index + "].tool_calls",
                    "the chat format " + name + " of this model has no form for tool calls");
        }
        open(message.role(), out).text(message.content());
    }

    private static PromptWriter open(Role role, PromptWriter out) {
        var roleName =
                switch (role) {
                    case SYSTEM -> "system";
                    case USER -> "user";
                    case ASSISTANT -> "assistant";
                    case TOOL -> "tool";
                };
        return out.special(START).text(roleName + "\n");
    }

    private static void close(PromptWriter out) {
        out.special(END).text("\n");
    }

    @Override
    public Set<Integer> endTokens(Tokenizer tokenizer) {
        return Conversation.idsOf(List.of(END, "<|endoftext|>"), tokenizer);
    }
}
