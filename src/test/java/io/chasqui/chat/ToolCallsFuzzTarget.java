package io.chasqui.chat;

import io.chasqui.chat.AnswerPart.Arguments;
import io.chasqui.chat.AnswerPart.Call;
import io.chasqui.chat.AnswerPart.Text;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Any bytes as what a model with tools would like to say, held to the grammar of its answers. The
 * first byte chooses the format and the tools. However the answer is cut, its calls are the same,
 * and they are calls of the tools there are, with JSON for arguments.
 */
public final class ToolCallsFuzzTarget {
    private static final int[] CUTS = {1, 2, 3, 7, 16};
    private static final ToolCallAnswers[] ANSWERS = new ToolCallAnswers[64];

    private ToolCallsFuzzTarget() {}

    public static void fuzzerTestOneInput(byte[] input) throws IOException {
        if (input.length == 0) {
            return;
        }
        var answers = answers(input[0] & 63);
        var answer = answers.guided(Arrays.copyOfRange(input, 1, input.length));
        var whole = parse(answers, answer, answer.tokens().length + 1);
        for (int size : CUTS) {
            var cut = parse(answers, answer, size);
            expect(cut.equals(whole), cut + " by " + size + " instead of " + whole);
        }
        judge(answers, answer, whole);
    }

    private static synchronized ToolCallAnswers answers(int seed) {
        if (ANSWERS[seed] == null) {
            ANSWERS[seed] = new ToolCallAnswers(seed);
        }
        return ANSWERS[seed];
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
        expect(!answer.complete() || parser.hasCall() == called, "miscounts " + joined);
        return joined;
    }

    private static void judge(
            ToolCallAnswers answers, ToolCallAnswers.Answer answer, List<AnswerPart> parts)
            throws IOException {
        int calls = 0;
        for (int i = 0; i < parts.size(); i++) {
            switch (parts.get(i)) {
                case Call(int index, var name) -> {
                    expect(index == calls++, "call " + index + " out of order");
                    boolean known =
                            answers.choice.tools().stream().anyMatch(t -> t.name().equals(name));
                    expect(known || !answer.complete(), "calls " + name);
                }
                case Arguments(int index, var json) -> {
                    expect(index == calls - 1, "arguments of call " + index);
                    boolean last =
                            index + 1 == parts.stream().filter(Call.class::isInstance).count();
                    if (answer.complete() || !last) {
                        expect(ToolCallAnswers.JSON.readTree(json).isObject(), "arguments " + json);
                    }
                }
                case Text text -> expect(i == 0, "text after a call: " + text);
            }
        }
        expect(calls <= answers.choice.maxCalls(), calls + " calls");
        expect(calls > 0 || !answer.complete() || !answers.choice.required(), "calls nothing");
        if (calls == 0) {
            var said = String.join("", ToolCallAnswers.text(answer.tokens(), 1));
            var told = parts.isEmpty() ? "" : ((Text) parts.getFirst()).text();
            expect(said.equals(told) || !answer.complete(), "told " + told + " for " + said);
        }
    }

    private static void expect(boolean condition, String otherwise) {
        if (!condition) {
            throw new AssertionError(otherwise);
        }
    }
}
