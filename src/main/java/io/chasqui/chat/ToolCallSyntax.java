package io.chasqui.chat;

import io.chasqui.grammar.GrammarSpec;
import io.chasqui.grammar.GrammarSpec.Opening;
import io.chasqui.grammar.GrammarVocabulary;
import java.util.ArrayList;
import java.util.List;

/**
 * How a chat format writes tool calls: {@code beforeName name afterName arguments afterArguments},
 * the arguments as a JSON object. It makes both the grammar of an answer and the {@link
 * ToolCallParser} that reads it.
 *
 * @param starts how a call may begin where the model is free to make one
 * @param anywhere whether these starts begin a call wherever they stand; else only at the beginning
 *     of an answer, and further on a line that begins with the whole name of a tool does
 * @param separators what may stand between two calls
 * @param marked whether a call may stand behind a marker token
 * @param builtins whether some tools have forms of their own, behind that
 */
public record ToolCallSyntax(
        String beforeName,
        String afterName,
        String afterArguments,
        List<Start> starts,
        boolean anywhere,
        List<String> separators,
        boolean marked,
        boolean builtins) {

    private static final String MARKER = String.valueOf(GrammarVocabulary.MARKER);
    private static final String QUOTE = "\"";

    /** Text in a query: what is quoted, so without a quote that is not escaped. */
    private static final GrammarSpec QUERY =
            new GrammarSpec.Regex("(?:[^\"\\\\\\u0000-\\u001f]|\\\\\")+");

    private static final GrammarSpec NOTHING = text("");

    /**
     * The beginning of a call.
     *
     * @param text by which it is known
     * @param rest what is left of {@link #beforeName}
     */
    public record Start(String text, String rest) {}

    /** What an opening in free text has begun. */
    sealed interface Begun {
        /** A call whose name comes after the rest of what stands before it. */
        record Unnamed(String rest) implements Begun {}

        /** A call of this tool; the quote after its name is read. */
        record Named(Tool tool) implements Begun {}

        /**
         * What the marker stands before.
         *
         * @param openings how that may begin
         * @param code whether all else is code to run
         */
        record Marked(List<KnownOpening> openings, boolean code) implements Begun {}

        /** A built-in tool's query. */
        record Query(Tool tool) implements Begun {}
    }

    /**
     * An opening as the parser knows it.
     *
     * @param opening as the grammar knows it
     */
    record KnownOpening(Opening opening, Begun begun) {}

    private static GrammarSpec text(String text) {
        return new GrammarSpec.Choice(List.of(text));
    }

    private static GrammarSpec sequence(GrammarSpec... parts) {
        return new GrammarSpec.Sequence(List.of(parts));
    }

    /** Tools that are called in the common form. */
    private List<Tool> functions(ToolChoice choice) {
        var builtin = builtinTools(choice.tools());
        return choice.tools().stream().filter(tool -> !builtin.contains(tool)).toList();
    }

    private List<Tool> builtinTools(List<Tool> tools) {
        return builtins ? BuiltinTool.among(tools) : List.of();
    }

    /** A prompt that tells the model of these tools. */
    public ChatPrompt tell(ChatPrompt prompt, List<Tool> tools) {
        var builtin = builtinTools(tools);
        var others = tools.stream().filter(tool -> !builtin.contains(tool));
        return prompt.withTools(
                others.map(Tool::definition).toList(), builtin.stream().map(Tool::name).toList());
    }

    /**
     * What an answer may be.
     *
     * @param otherwise what it has to be if no tool is called; null for any text
     */
    public GrammarSpec answer(ToolChoice choice, GrammarSpec otherwise) {
        if (!choice.required() && otherwise == null) {
            return freeText(openings(choice));
        }
        var alternatives = new ArrayList<GrammarSpec>();
        if (!choice.required()) {
            alternatives.add(otherwise);
        }
        for (var known : formalOpenings(choice)) {
            var opening = known.opening();
            alternatives.add(sequence(text(opening.text()), opening.then()));
        }
        return new GrammarSpec.AnyOf(alternatives);
    }

    private static GrammarSpec freeText(List<KnownOpening> openings) {
        return new GrammarSpec.FreeText(openings.stream().map(KnownOpening::opening).toList());
    }

    /**
     * A reader of answers by {@link #answer}.
     *
     * @param free whether an answer may be any text if no tool is called
     */
    public ToolCallParser parser(ToolChoice choice, boolean free) {
        boolean anyText = free && !choice.required();
        return new ToolCallParser(
                this, choice.maxCalls(), anyText ? openings(choice) : formalOpenings(choice));
    }

    /** How calls may begin in text that is otherwise free. */
    private List<KnownOpening> openings(ToolChoice choice) {
        var functions = functions(choice);
        var openings = new ArrayList<KnownOpening>();
        if (!functions.isEmpty()) {
            for (var start : starts) {
                openings.add(unnamed(start, !anywhere, choice));
            }
            if (!anywhere) {
                functions.forEach(tool -> openings.add(named(tool, choice)));
            }
        }
        if (marked) {
            openings.add(marked(choice, functions));
        }
        return openings;
    }

    /** How answers begin that are calls. */
    private List<KnownOpening> formalOpenings(ToolChoice choice) {
        var functions = functions(choice);
        var openings = new ArrayList<KnownOpening>();
        if (!functions.isEmpty()) {
            openings.add(unnamed(new Start(beforeName, ""), true, choice));
        }
        if (!builtinTools(choice.tools()).isEmpty()) {
            openings.add(marked(choice, List.of()));
        }
        return openings;
    }

    private KnownOpening unnamed(Start start, boolean first, ToolChoice choice) {
        var then = sequence(calls(start.rest(), functions(choice)), moreCalls(choice));
        return new KnownOpening(
                new Opening(start.text(), first, then), new Begun.Unnamed(start.rest()));
    }

    /**
     * After other text a call is one only with the name of a tool: JSON is no rare thing to say.
     */
    private KnownOpening named(Tool tool, ToolChoice choice) {
        var then =
                sequence(
                        text(afterName.substring(QUOTE.length())),
                        tool.arguments(),
                        text(afterArguments),
                        moreCalls(choice));
        return new KnownOpening(
                new Opening("\n" + beforeName + tool.name() + QUOTE, false, then),
                new Begun.Named(tool));
    }

    private GrammarSpec calls(String beforeName, List<Tool> tools) {
        return new GrammarSpec.AnyOf(
                tools.stream()
                        .map(
                                tool ->
                                        sequence(
                                                text(beforeName + tool.name() + afterName),
                                                tool.arguments(),
                                                text(afterArguments)))
                        .toList());
    }

    private GrammarSpec moreCalls(ToolChoice choice) {
        if (choice.maxCalls() == 1) {
            return NOTHING;
        }
        var next =
                sequence(new GrammarSpec.Choice(separators), calls(beforeName, functions(choice)));
        return new GrammarSpec.Repeat(next, "", 0, choice.maxCalls() - 1);
    }

    private KnownOpening marked(ToolChoice choice, List<Tool> functions) {
        var openings = markedOpenings(choice, functions);
        boolean code = runsCode(choice);
        var then = code ? freeText(openings) : oneOf(openings);
        return new KnownOpening(new Opening(MARKER, false, then), new Begun.Marked(openings, code));
    }

    private static GrammarSpec oneOf(List<KnownOpening> openings) {
        return new GrammarSpec.AnyOf(
                openings.stream()
                        .map(KnownOpening::opening)
                        .map(opening -> sequence(text(opening.text()), opening.then()))
                        .toList());
    }

    /** How what stands behind the marker may begin, if it is not code. */
    private List<KnownOpening> markedOpenings(ToolChoice choice, List<Tool> functions) {
        var openings = new ArrayList<KnownOpening>();
        for (var tool : builtinTools(choice.tools())) {
            if (BuiltinTool.of(tool) != BuiltinTool.CODE_INTERPRETER) {
                var then = sequence(QUERY, text("\")"));
                var start = tool.name() + ".call(query=\"";
                openings.add(
                        new KnownOpening(new Opening(start, true, then), new Begun.Query(tool)));
            }
        }
        if (!functions.isEmpty()) {
            openings.add(unnamed(new Start(beforeName, ""), true, choice));
        }
        return openings;
    }

    /** Whether any text behind the marker is code to run. */
    private boolean runsCode(ToolChoice choice) {
        return builtinTools(choice.tools()).stream()
                .anyMatch(tool -> BuiltinTool.of(tool) == BuiltinTool.CODE_INTERPRETER);
    }
}
