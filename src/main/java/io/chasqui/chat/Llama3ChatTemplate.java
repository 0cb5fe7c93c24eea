package io.chasqui.chat;

import io.chasqui.chat.Message.Role;
import io.chasqui.tokenizer.Tokenizer;
import java.time.Clock;
import java.time.LocalDate;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Supplier;

/**
 * The official chat templates of Llama 3.1 and 3.3 (the same one) and of Llama 3.2. Text of
 * messages is trimmed; text beside tool calls is not rendered. Two additions: tools go into the
 * first user message even when another turn precedes it, and a turn with several calls becomes
 * call, result, call, result.
 */
public final class Llama3ChatTemplate implements ChatTemplate {
    static final String BEGIN_OF_TEXT = "<|begin_of_text|>";
    static final String START_HEADER = "<|start_header_id|>";
    static final String END_HEADER = "<|end_header_id|>";
    static final String END_OF_TURN = "<|eot_id|>";
    static final String END_OF_MESSAGE = "<|eom_id|>";
    static final String END_OF_TEXT = "<|end_of_text|>";
    static final String PYTHON_TAG = "<|python_tag|>";

    private static final String FORMAT_OF_CALLS =
            "Respond in the format {\"name\": function name, \"parameters\": dictionary of argument"
                    + " name and its value}.Do not use variables.\n\n";
    private static final String TOOLS_IN_SYSTEM =
            "You have access to the following functions. To call a function, please respond with"
                    + " JSON for a function call."
                    + FORMAT_OF_CALLS;
    private static final String TOOLS_IN_USER =
            "Given the following functions, please respond with a JSON for a function call with its"
                    + " proper arguments that best answers the given prompt.\n\n"
                    + FORMAT_OF_CALLS;

    /** Beginnings of a call up to where the name comes. */
    private static final List<String> STARTS =
            List.of(
                    "{\"name\":",
                    "{ \"name\":",
                    "{\n  \"name\":",
                    "{\n    \"name\":",
                    "{\"type\": \"function\", \"name\":");

    private static final String CODE_INTERPRETER = "code_interpreter";
    private static final DateTimeFormatter DATE =
            DateTimeFormatter.ofPattern("dd MMM yyyy", Locale.ENGLISH);

    private final String name;
    private final boolean hasBuiltinTools;
    private final Supplier<String> date;

    Llama3ChatTemplate(String name, boolean hasBuiltinTools, Supplier<String> date) {
        this.name = name;
        this.hasBuiltinTools = hasBuiltinTools;
        this.date = date;
    }

    /** Llama 3.1 and 3.3: a fixed date, and built-in tools. */
    public static Llama3ChatTemplate llama31() {
        return new Llama3ChatTemplate("llama3.1", true, () -> "26 Jul 2024");
    }

    /** Llama 3.2: the day's date, and no built-in tools. */
    public static Llama3ChatTemplate llama32(Clock clock) {
        return new Llama3ChatTemplate("llama3.2", false, () -> LocalDate.now(clock).format(DATE));
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public List<String> scaffold() {
        return List.of(BEGIN_OF_TEXT, START_HEADER, END_HEADER, END_OF_TURN);
    }

    @Override
    public int[] render(ChatPrompt prompt, Tokenizer tokenizer) {
        Conversation.check(prompt);
        return new Rendering(prompt, tokenizer).render();
    }

    @Override
    public Set<Integer> endTokens(Tokenizer tokenizer) {
        return Conversation.idsOf(List.of(END_OF_TEXT, END_OF_MESSAGE, END_OF_TURN), tokenizer);
    }

    /** As in the instruction that goes with the tools. */
    private static ToolCallSyntax calls(boolean marked, boolean builtins) {
        return new ToolCallSyntax(
                "{\"name\": \"",
                "\", \"parameters\": ",
                "}",
                STARTS.stream().map(text -> new ToolCallSyntax.Start(text, " \"")).toList(),
                false,
                List.of("; ", ";", "\n"),
                marked,
                builtins);
    }

    @Override
    public ToolCallSyntax toolCalls(Tokenizer tokenizer) {
        boolean marked = tokenizer.specialToken(PYTHON_TAG) >= 0;
        return calls(marked, marked && hasBuiltinTools);
    }

    @Override
    public String marker() {
        return PYTHON_TAG;
    }

    private final class Rendering {
        private final ChatPrompt prompt;
        private final List<Message> messages;
        private final List<String> builtinTools;
        private final PromptWriter out;

        Rendering(ChatPrompt prompt, Tokenizer tokenizer) {
            this.prompt = prompt;
            this.messages = ToolTurns.oneCallEach(prompt.messages());
            this.builtinTools = hasBuiltinTools ? prompt.builtinTools() : List.of();
            this.out = new PromptWriter(tokenizer);
        }

        int[] render() {
            out.special(BEGIN_OF_TEXT);
            boolean system = messages.getFirst().role() == Role.SYSTEM;
            writeSystem(system ? messages.getFirst().content() : "");
            int withTools = messageWithTools();
            for (int i = system ? 1 : 0; i < messages.size(); i++) {
                writeMessage(messages.get(i), i == withTools);
                if (i < messages.size() - 1 || !prompt.continueFinalMessage()) {
                    out.special(endOf(messages.get(i)));
                }
            }
            if (prompt.addGenerationPrompt()) {
                header("assistant");
            }
            return out.toIds();
        }

        private void writeSystem(String content) {
            header("system");
            if (!builtinTools.isEmpty() || !prompt.tools().isEmpty()) {
                out.text("Environment: ipython\n");
            }
            if (!builtinTools.isEmpty()) {
                var others = builtinTools.stream().filter(t -> !t.equals(CODE_INTERPRETER));
                out.text("Tools: " + String.join(", ", others.toList()) + "\n\n");
            }
            out.text("Cutting Knowledge Date: December 2023\n");
            out.text("Today Date: " + date.get() + "\n\n");
            if (!prompt.toolsInUserMessage()) {
                writeTools(TOOLS_IN_SYSTEM);
            }
            out.text(PythonText.strip(content)).special(END_OF_TURN);
        }

        private int messageWithTools() {
            if (prompt.tools().isEmpty() || !prompt.toolsInUserMessage()) {
                return -1;
            }
            for (int i = 0; i < messages.size(); i++) {
                if (messages.get(i).role() == Role.USER) {
                    return i;
                }
            }
            throw new ChatFormatException("messages", "tools need a message of the user");
        }

        private void writeTools(String instruction) {
            if (prompt.tools().isEmpty()) {
                return;
            }
            out.text(instruction);
            for (var tool : prompt.tools()) {
                out.text(PythonText.json(tool, 4)).text("\n\n");
            }
        }

        private void writeMessage(Message message, boolean withTools) {
            if (!message.toolCalls().isEmpty()) {
                header("assistant");
                writeCall(message.toolCalls().getFirst());
                return;
            }
            switch (message.role()) {
                case SYSTEM -> header("system").text(PythonText.strip(message.content()));
                case ASSISTANT -> header("assistant").text(PythonText.strip(message.content()));
                // The official template prints results as JSON, even those that are text.
                case TOOL -> header("ipython").text(PythonText.quote(message.content()));
                case USER -> {
                    header("user");
                    if (withTools) {
                        writeTools(TOOLS_IN_USER);
                    }
                    out.text(PythonText.strip(message.content()));
                }
            }
        }

        private void writeCall(ToolCall call) {
            if (builtinTools.contains(call.name())) {
                out.special(PYTHON_TAG).text(call.name() + ".call(");
                var separator = "";
                for (var argument : call.arguments().properties()) {
                    var value = argument.getValue();
                    var text = value.isTextual() ? value.textValue() : PythonText.json(value);
                    out.text(separator + argument.getKey() + "=\"");
                    out.text(text.replace("\"", "\\\"") + "\"");
                    separator = ", ";
                }
                out.text(")");
                return;
            }
            out.text("{\"name\": \"" + call.name() + "\", \"parameters\": ");
            out.text(PythonText.json(call.arguments()) + "}");
        }

        private String endOf(Message message) {
            boolean awaitsResult = !message.toolCalls().isEmpty() && !builtinTools.isEmpty();
            return awaitsResult ? END_OF_MESSAGE : END_OF_TURN;
        }

        private PromptWriter header(String role) {
            return out.special(START_HEADER).text(role).special(END_HEADER).text("\n\n");
        }
    }
}
