package io.chasqui.chat;

import io.chasqui.chat.ToolCallSyntax.Begun;
import io.chasqui.chat.ToolCallSyntax.KnownOpening;
import io.chasqui.grammar.GrammarVocabulary;
import io.chasqui.grammar.Openings;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads an answer as it comes and tells text from calls. It goes from character to character, so
 * the answer comes out the same however it is cut, in linear time and with no more memory than the
 * longest name takes. Text is held back while it may be the beginning of a call; a call is told
 * when its name is known, its arguments as they come.
 *
 * <p>The answer has to be one that {@link ToolCallSyntax#answer} allows, or the beginning of one:
 * anything else is a fault of the engine, and throws {@link IllegalStateException}.
 */
public final class ToolCallParser {
    private static final int MAX_NAME = 64;

    private enum Phase {
        TEXT,
        LITERAL,
        NAME,
        ARGUMENTS,
        BETWEEN,
        MARKED,
        QUERY,
        CODE,
        ENDED
    }

    private final ToolCallSyntax syntax;
    private final int maxCalls;
    private final List<KnownOpening> openings;
    private final Openings automaton;

    /** Where the marker stands before something; null while there is none. */
    private Begun.Marked marked;

    private Openings markedAutomaton;

    private final List<AnswerPart> parts = new ArrayList<>();

    /** Text, a name or a piece of arguments, not given out yet. */
    private final StringBuilder buffer = new StringBuilder();

    private Phase phase = Phase.TEXT;
    private int state = Openings.START;
    private String literal;
    private int matched;
    private Phase afterLiteral;

    /** Within arguments: open brackets, and whether in a string and behind its escape sign. */
    private int depth;

    private boolean quoted;
    private boolean escaped;

    private int numCalls;
    private int numComplete;

    ToolCallParser(ToolCallSyntax syntax, int maxCalls, List<KnownOpening> openings) {
        this.syntax = syntax;
        this.maxCalls = maxCalls;
        this.openings = openings;
        this.automaton = automaton(openings);
    }

    private static Openings automaton(List<KnownOpening> openings) {
        return new Openings(openings.stream().map(KnownOpening::opening).toList());
    }

    /** Whether the answer so far has a call that is complete. */
    public boolean hasCall() {
        return numComplete > 0;
    }

    /** Reads on, and returns what has become certain. */
    public List<AnswerPart> read(String text) {
        for (int i = 0; i < text.length(); i++) {
            read(text.charAt(i));
        }
        release();
        return take();
    }

    /**
     * The answer ends here.
     *
     * @param complete whether it ended by itself; else it was cut
     */
    public List<AnswerPart> end(boolean complete) {
        if (phase == Phase.TEXT) {
            state = Openings.START;
            giveText(buffer.length());
        } else if (phase == Phase.MARKED && marked.code()) {
            beginCode();
        }
        if (phase == Phase.CODE && complete) {
            buffer.append("\"}");
            numComplete++;
        }
        release();
        phase = Phase.ENDED;
        return take();
    }

    private List<AnswerPart> take() {
        var taken = List.copyOf(parts);
        parts.clear();
        return taken;
    }

    /** Gives out what is in the buffer and certain. */
    private void release() {
        switch (phase) {
            case TEXT -> giveText(buffer.length() - automaton.held(state));
            case ARGUMENTS, QUERY, CODE -> giveArguments();
            default -> {
                // A name or the beginning of one is not given out in pieces.
            }
        }
    }

    private void giveText(int length) {
        if (length > 0) {
            parts.add(new AnswerPart.Text(buffer.substring(0, length)));
            buffer.delete(0, length);
        }
    }

    private void giveArguments() {
        if (!buffer.isEmpty()) {
            parts.add(new AnswerPart.Arguments(numCalls - 1, buffer.toString()));
            buffer.setLength(0);
        }
    }

    private void read(char c) {
        switch (phase) {
            case TEXT -> readText(c);
            case LITERAL -> readLiteral(c);
            case NAME -> readName(c);
            case ARGUMENTS -> readArguments(c);
            case BETWEEN -> readBetween(c);
            case MARKED -> readMarked(c);
            case QUERY -> readQuery(c);
            case CODE -> PythonText.escape(c, buffer);
            case ENDED -> throw unexpected(c);
        }
    }

    private static IllegalStateException unexpected(char c) {
        return new IllegalStateException(
                "the answer goes on with U+%04X, which its grammar does not allow"
                        .formatted((int) c));
    }

    /** Openings are ASCII but for the marker; all other characters are the same to them. */
    private static int byteOf(char c) {
        if (c == GrammarVocabulary.MARKER) {
            return 0xFF;
        }
        return c < 0x80 ? c : 0x80;
    }

    private void readText(char c) {
        buffer.append(c);
        state = automaton.next(state, byteOf(c));
        int index = automaton.opening(state);
        if (index >= 0) {
            var known = openings.get(index);
            giveText(buffer.length() - known.opening().text().length());
            begin(known.begun());
        }
    }

    private void begin(Begun begun) {
        buffer.setLength(0);
        switch (begun) {
            case Begun.Unnamed unnamed -> expect(unnamed.rest(), Phase.NAME);
            case Begun.Named named -> {
                beginCall(named.tool().name());
                expect(syntax.afterName().substring(1), Phase.ARGUMENTS);
            }
            case Begun.Marked mark -> {
                marked = mark;
                markedAutomaton = automaton(mark.openings());
                state = Openings.START;
                phase = Phase.MARKED;
            }
            case Begun.Query query -> {
                beginCall(query.tool().name());
                buffer.append("{\"query\": \"");
                phase = Phase.QUERY;
            }
        }
    }

    private void beginCall(String name) {
        parts.add(new AnswerPart.Call(numCalls++, name));
    }

    private void beginCode() {
        var soFar = buffer.toString();
        buffer.setLength(0);
        beginCall(BuiltinTool.CODE_INTERPRETER.toolName());
        buffer.append("{\"code\": \"");
        phase = Phase.CODE;
        soFar.chars().forEach(c -> PythonText.escape((char) c, buffer));
    }

    private void expect(String text, Phase after) {
        literal = text;
        matched = 0;
        afterLiteral = after;
        phase = text.isEmpty() ? after : Phase.LITERAL;
    }

    private void readLiteral(char c) {
        if (literal.charAt(matched++) != c) {
            throw unexpected(c);
        }
        if (matched == literal.length()) {
            phase = afterLiteral;
            if (phase == Phase.BETWEEN || phase == Phase.ENDED) {
                numComplete++;
                phase = numCalls < maxCalls ? phase : Phase.ENDED;
            }
        }
    }

    private void readName(char c) {
        if (c != '"') {
            buffer.append(c);
            if (buffer.length() > MAX_NAME) {
                throw unexpected(c);
            }
            return;
        }
        beginCall(buffer.toString());
        buffer.setLength(0);
        expect(syntax.afterName().substring(1), Phase.ARGUMENTS);
    }

    private void readArguments(char c) {
        buffer.append(c);
        if (quoted) {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
            return;
        }
        switch (c) {
            case '"' -> quoted = true;
            case '{', '[' -> depth++;
            case '}', ']' -> depth--;
            default -> {
                // Within a value, or between two.
            }
        }
        if (depth == 0) {
            giveArguments();
            expect(syntax.afterArguments(), Phase.BETWEEN);
        }
    }

    private void readBetween(char c) {
        if (c == syntax.beforeName().charAt(0)) {
            expect(syntax.beforeName(), Phase.NAME);
            readLiteral(c);
        } else if (syntax.separators().stream().noneMatch(text -> text.indexOf(c) >= 0)) {
            throw unexpected(c);
        }
    }

    private void readMarked(char c) {
        buffer.append(c);
        state = markedAutomaton.next(state, byteOf(c));
        int index = markedAutomaton.opening(state);
        if (index >= 0) {
            begin(marked.openings().get(index).begun());
        } else if (markedAutomaton.held(state) == 0) {
            if (!marked.code()) {
                throw unexpected(c);
            }
            beginCode();
        }
    }

    /** Quotes are escaped as in JSON, so all but the last is taken as it is. */
    private void readQuery(char c) {
        if (c != '"' || escaped) {
            buffer.append(c);
            escaped = c == '\\';
            return;
        }
        buffer.append("\"}");
        giveArguments();
        expect(")", Phase.ENDED);
    }
}
