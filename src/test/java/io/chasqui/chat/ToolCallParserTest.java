package io.chasqui.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.harrel.jsonschema.ValidatorFactory;
import dev.harrel.jsonschema.providers.JacksonNode;
import io.chasqui.chat.AnswerPart.Arguments;
import io.chasqui.chat.AnswerPart.Call;
import io.chasqui.chat.AnswerPart.Text;
import io.chasqui.grammar.GrammarVocabulary;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ToolCallParserTest {
    private static final char MARKER = GrammarVocabulary.MARKER;
    private static final String OBJECT = "{\"type\":\"object\"}";
    private static final Tool WEATHER = ToolCallAnswers.tool("get_weather", OBJECT);
    private static final Tool TIME = ToolCallAnswers.tool("time", OBJECT);
    private static final Tool SEARCH = builtin("brave_search", "query");
    private static final Tool CODE = builtin("code_interpreter", "code");

    private static Tool builtin(String name, String parameter) {
        return ToolCallAnswers.tool(
                name, "{\"type\":\"object\",\"properties\":{\"%s\":{}}}".formatted(parameter));
    }

    private static ToolCallParser llama(Tool... tools) {
        return Llama3ChatTemplate.llama31()
                .toolCalls(ToolCallAnswers.TOKENIZER)
                .parser(new ToolChoice(false, List.of(tools), 128), true);
    }

    private static ToolCallParser chatMl(Tool... tools) {
        return ChatMlTemplate.generic()
                .toolCalls(ToolCallAnswers.TOKENIZER)
                .parser(new ToolChoice(false, List.of(tools), 128), true);
    }

    private static List<AnswerPart> read(ToolCallParser parser, String answer) {
        var parts = new ArrayList<>(parser.read(answer));
        parts.addAll(parser.end(true));
        return ToolCallAnswers.joined(parts);
    }

    @Test
    void aCallIsTold() {
        assertEquals(
                List.of(new Call(0, "get_weather"), new Arguments(0, "{\"city\": \"Puno\"}")),
                read(
                        llama(WEATHER),
                        "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Puno\"}}"));
        assertEquals(
                List.of(new Call(0, "time"), new Arguments(0, "{}")),
                read(
                        chatMl(WEATHER, TIME),
                        "<tool_call>\n{\"name\": \"time\", \"arguments\": {}}\n</tool_call>"));
    }

    @Test
    void severalCallsHaveTheirIndex() {
        assertEquals(
                List.of(
                        new Text("Both:"),
                        new Call(0, "time"),
                        new Arguments(0, "{\"a\": \"; }\\\"{\"}"),
                        new Call(1, "get_weather"),
                        new Arguments(1, "{}"),
                        new Call(2, "time"),
                        new Arguments(2, "{\"b\": [{}, []]}")),
                read(
                        llama(WEATHER, TIME),
                        "Both:\n{\"name\": \"time\", \"parameters\": {\"a\": \"; }\\\"{\"}};"
                                + " {\"name\": \"get_weather\", \"parameters\": {}}\n"
                                + "{\"name\": \"time\", \"parameters\": {\"b\": [{}, []]}}"));
    }

    @Test
    void textIsTextEvenWhenItLooksLikeACall() {
        for (var text :
                List.of(
                        "Say {\"name\": \"time\", \"parameters\": {}}",
                        "A person:\n{\"name\": \"Inti\"}",
                        "{\"nam",
                        "\n{\"name\": \"tim",
                        "<tool_call>",
                        "{\"parameters\": {}, \"name\": \"time\"}")) {
            assertEquals(List.of(new Text(text)), read(llama(TIME), text));
        }
    }

    @Test
    void builtInToolsAreCallsLikeAll() {
        assertEquals(
                List.of(
                        new Call(0, "brave_search"),
                        new Arguments(0, "{\"query\": \"llama \\\"wool\\\" € price\"}")),
                read(
                        llama(SEARCH, WEATHER),
                        MARKER + "brave_search.call(query=\"llama \\\"wool\\\" € price\")"));
        assertEquals(
                List.of(
                        new Call(0, "code_interpreter"),
                        new Arguments(0, "{\"code\": \"print(\\\"a\\\\n\\\")\\nx = 1\"}")),
                read(llama(CODE, SEARCH), MARKER + "print(\"a\\n\")\nx = 1"));
        assertEquals(
                List.of(new Call(0, "get_weather"), new Arguments(0, "{}")),
                read(
                        llama(CODE, WEATHER),
                        MARKER + "{\"name\": \"get_weather\", \"parameters\": {}}"));
        assertEquals(
                List.of(new Call(0, "code_interpreter"), new Arguments(0, "{\"code\": \"bra\"}")),
                read(llama(CODE, SEARCH), MARKER + "bra"));
    }

    @Test
    void aCallThatIsCutIsNotComplete() {
        var parser = llama(WEATHER);
        var parts =
                new ArrayList<>(parser.read("{\"name\": \"get_weather\", \"parameters\": {\"a\""));
        parts.addAll(parser.end(false));
        assertEquals(
                List.of(new Call(0, "get_weather"), new Arguments(0, "{\"a\"")),
                ToolCallAnswers.joined(parts));
        assertFalse(parser.hasCall());
    }

    @Test
    void textThatNoGrammarAllowsIsAnError() {
        var parser = llama(WEATHER);
        parser.read("{\"name\": \"get_weather\", \"parameters\": {}}");
        assertThrows(IllegalStateException.class, () -> parser.read("x"));
    }

    /** What is held back does not grow, and each character is looked at once. */
    @Test
    void longAnswersAreGivenOutAsTheyCome() {
        for (var unit :
                List.of("[", "{\"name\":", "<|python_tag|>", "\n{\"name\": \"tim", "<tool_cal")) {
            for (var parser : List.of(llama(TIME, CODE), chatMl(TIME))) {
                var answer = "x" + unit.repeat(1_000_000 / unit.length());
                long given = 0;
                for (int from = 0; from < answer.length(); from += 1_000) {
                    int to = Math.min(from + 1_000, answer.length());
                    for (var part : parser.read(answer.substring(from, to))) {
                        given += ((Text) part).text().length();
                    }
                    assertTrue(to - given <= 24, () -> "held back from " + unit);
                }
            }
        }
        var parser = llama(TIME);
        parser.read("{\"name\": \"time\", \"parameters\": {\"a\": ");
        var deep = "[".repeat(1_000_000);
        assertEquals(List.of(new Arguments(0, deep)), parser.read(deep));
    }

    @Test
    void howAnAnswerIsCutMakesNoDifference() throws IOException {
        int cases = 0;
        int calls = 0;
        for (long seed = 0; seed < 100; seed++) {
            var answers = new ToolCallAnswers(seed);
            for (int i = 0; i < 7; i++) {
                var answer = answers.next(30 + i * 10);
                var whole = parse(answers, answer, answer.tokens().length + 1);
                var message = "seed " + seed + ", answer " + i + ": " + whole;
                for (int size = 1; size <= 16; size++, cases++) {
                    assertEquals(whole, parse(answers, answer, size), message + " by " + size);
                }
                calls += judge(answers, answer, whole, message);
            }
        }
        assertTrue(cases >= 10_000 && calls >= 150, cases + " cases, " + calls + " calls");
    }

    private static List<AnswerPart> parse(
            ToolCallAnswers answers, ToolCallAnswers.Answer answer, int size) {
        var parser = answers.syntax.parser(answers.choice, !answers.formatted);
        var parts = new ArrayList<AnswerPart>();
        for (var piece : ToolCallAnswers.text(answer.tokens(), size)) {
            parts.addAll(parser.read(piece));
        }
        parts.addAll(parser.end(answer.complete()));
        var joined = ToolCallAnswers.joined(parts);
        boolean called = joined.stream().anyMatch(Call.class::isInstance);
        if (answer.complete()) {
            assertEquals(called, parser.hasCall());
        }
        return joined;
    }

    /** Checks an answer by what it was asked to be; returns its complete calls. */
    private static int judge(
            ToolCallAnswers answers,
            ToolCallAnswers.Answer answer,
            List<AnswerPart> parts,
            String message)
            throws IOException {
        int calls = 0;
        for (int i = 0; i < parts.size(); i++) {
            if (parts.get(i) instanceof Call call) {
                assertEquals(calls++, call.index(), message);
                var tool = tool(answers, call.name(), message);
                if (answer.complete()) {
                    var arguments = ((Arguments) parts.get(i + 1)).json();
                    assertValid(
                            tool.parameters(), ToolCallAnswers.JSON.readTree(arguments), message);
                }
            } else if (parts.get(i) instanceof Text text) {
                assertEquals(0, i, message);
                assertFalse(answers.choice.required() && answer.complete(), message);
                if (answers.formatted && answer.complete() && parts.size() == 1) {
                    var schema = ToolCallAnswers.JSON.readTree(ToolCallAnswers.FORMAT);
                    assertValid(schema, ToolCallAnswers.JSON.readTree(text.text()), message);
                }
            }
        }
        assertTrue(calls <= answers.choice.maxCalls(), message);
        if (answer.complete() && answers.choice.required()) {
            assertTrue(calls > 0, message);
        }
        return answer.complete() ? calls : 0;
    }

    private static Tool tool(ToolCallAnswers answers, String name, String message) {
        return answers.choice.tools().stream()
                .filter(tool -> tool.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new AssertionError(message));
    }

    private static void assertValid(JsonNode schema, JsonNode value, String message) {
        var result =
                new ValidatorFactory()
                        .withJsonNodeFactory(new JacksonNode.Factory())
                        .validate(schema, value);
        assertTrue(
                result.isValid(), () -> message + ": " + result.getErrors().getFirst().getError());
    }
}
