package io.chasqui.chat;

import io.chasqui.grammar.GrammarVocabulary;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Reading answers that are made to be hard to read: twice the length should take twice the time.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@State(Scope.Thread)
public class ToolCallParserBenchmark {
    private static final String CALL = "{\"name\": \"f\", \"parameters\": {\"a\": ";

    /** What repeats, and in which place: brackets in arguments, all else in text or code. */
    public enum Answer {
        BRACKETS("x", "["),
        CALLS("x", "{\"name\":"),
        LINES("x", "\n{\"name\": \""),
        TAGS("x", "<|python_tag|>"),
        ARGUMENTS(CALL, "["),
        ESCAPES(CALL + "\"", "\\\\"),
        CODE(GrammarVocabulary.MARKER + "x", "\"\\\n");

        private final String beginning;
        private final String unit;

        Answer(String beginning, String unit) {
            this.beginning = beginning;
            this.unit = unit;
        }
    }

    @Param public Answer answer;

    @Param({"500000", "1000000"})
    public int characters;

    private final ToolCallSyntax syntax =
            Llama3ChatTemplate.llama31().toolCalls(ToolCallAnswers.TOKENIZER);
    private final ToolChoice choice =
            new ToolChoice(
                    false,
                    List.of(
                            ToolCallAnswers.tool("f", "{\"type\":\"object\"}"),
                            ToolCallAnswers.tool(
                                    "code_interpreter", "{\"properties\":{\"code\":{}}}")),
                    128);
    private String text;

    @Setup
    public void write() {
        text = answer.beginning + answer.unit.repeat(characters / answer.unit.length());
    }

    @Benchmark
    public int read() {
        var parser = syntax.parser(choice, true);
        int parts = 0;
        for (int from = 0; from < text.length(); from += 4) {
            parts += parser.read(text.substring(from, Math.min(from + 4, text.length()))).size();
        }
        return parts + parser.end(true).size();
    }
}
