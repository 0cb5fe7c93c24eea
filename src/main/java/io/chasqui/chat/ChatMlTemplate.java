package io.chasqui.chat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.chasqui.chat.Message.Role;
import io.chasqui.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * ChatML: {@code <|im_start|>role\ncontent<|im_end|>\n} per turn, nothing trimmed. Tools are told
 * and called in the tags that Hermes models brought into use: {@code <tools>}, {@code <tool_call>}
 * and {@code <tool_response>}.
 */
public final class ChatMlTemplate implements ChatTemplate {
    static final String START = "<|im_start|>";
    static final String END = "<|im_end|>";

    private static final String CALL = "<tool_call>";
    private static final String AFTER_CALL_TAG = "\n{\"name\": \"";
    private static final String BEFORE_NAME = CALL + AFTER_CALL_TAG;
    private static final String AFTER_NAME = "\", \"arguments\": ";
    private static final String AFTER_ARGUMENTS = "}\n</tool_call>";

    private static final ToolCallSyntax CALLS =
            new ToolCallSyntax(
                    BEFORE_NAME,
                    AFTER_NAME,
                    AFTER_ARGUMENTS,
                    List.of(new ToolCallSyntax.Start(CALL, AFTER_CALL_TAG)),
                    true,
                    List.of("\n"),
                    false,
                    false);

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
        var messages = withSystem(prompt);
        var out = new PromptWriter(tokenizer);
        for (int i = 0; i < messages.size(); i++) {
            writeTurn(messages.get(i), i == 0 ? prompt.tools() : List.of(), out);
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

    /** The turns; a system turn comes first where there is something to say in it. */
    private List<Message> withSystem(ChatPrompt prompt) {
        var messages = prompt.messages();
        boolean needed = defaultSystemPrompt != null || !prompt.tools().isEmpty();
        if (!needed || messages.getFirst().role() == Role.SYSTEM) {
            return messages;
        }
        var all = new ArrayList<Message>();
        all.add(Message.of(Role.SYSTEM, defaultSystemPrompt == null ? "" : defaultSystemPrompt));
        all.addAll(messages);
        return all;
    }

    private void writeTurn(Message message, List<ObjectNode> tools, PromptWriter out) {
        open(message.role(), out);
        if (message.role() == Role.TOOL) {
            out.text("<tool_response>\n" + message.content() + "\n</tool_response>");
            return;
        }
        out.text(message.content());
        var separator = message.content().isEmpty() ? "" : "\n";
        for (var call : message.toolCalls()) {
            out.text(separator).text(written(call));
            separator = "\n";
        }
        if (!tools.isEmpty()) {
            tell(tools, message.content().isEmpty(), out);
        }
    }

    private static String written(ToolCall call) {
        return BEFORE_NAME
                + call.name()
                + AFTER_NAME
                + PythonText.json(call.arguments())
                + AFTER_ARGUMENTS;
    }

    private static void tell(List<ObjectNode> tools, boolean alone, PromptWriter out) {
        out.text(alone ? "" : "\n\n");
        out.text("You can call functions. Their signatures, as JSON:\n<tools>\n");
        for (var tool : tools) {
            out.text(PythonText.json(tool)).text("\n");
        }
        out.text("</tools>\nTo call one, answer with its name and arguments, as JSON:\n");
        out.text(BEFORE_NAME + "<name>" + AFTER_NAME + "{<arguments>}" + AFTER_ARGUMENTS);
    }

    @Override
    public ToolCallSyntax toolCalls(Tokenizer tokenizer) {
        return CALLS;
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
