package io.chasqui.chat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.chasqui.grammar.Grammar;
import io.chasqui.grammar.GrammarCompiler;
import io.chasqui.grammar.GrammarLimits;
import io.chasqui.grammar.GrammarVocabulary;
import io.chasqui.tokenizer.Tokenizer;
import io.chasqui.tokenizer.TokenizerLoader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * What the grammar of tool calls costs on the vocabulary of Llama 3: compiling it, and a step,
 * which is one mask and one token taken, of an answer that calls a tool.
 */
final class ToolCallGrammarBenchmark {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int WARM_UP_ROUNDS = 4;
    private static final int ROUNDS = 12;

    private final Tokenizer tokenizer;
    private final GrammarCompiler compiler;
    private final List<Long> compiling = new ArrayList<>();
    private final List<Long> cold = new ArrayList<>();
    private final List<Long> warm = new ArrayList<>();

    private ToolCallGrammarBenchmark(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
        int marker = tokenizer.specialToken(Llama3ChatTemplate.PYTHON_TAG);
        var vocabulary = new GrammarVocabulary(tokenizer, marker, new int[] {128009});
        compiler = new GrammarCompiler(vocabulary, GrammarLimits.DEFAULT);
    }

    private static Tool tool(int index, int round) throws IOException {
        var schema =
                "{\"type\":\"object\",\"properties\":{\"city%d\":{\"type\":\"string\"},\"days\":{\"type\":\"integer\"},\"unit\":{\"enum\":[\"c\",\"f\"]}}}"
                        .formatted(index);
        return Tool.of(
                "get_weather_" + index + "_" + round,
                JSON.createObjectNode(),
                (ObjectNode) JSON.readTree(schema),
                false);
    }

    private void round(int numTools, boolean required, int round) throws IOException {
        var tools = new ArrayList<Tool>();
        for (int i = 0; i < numTools; i++) {
            tools.add(tool(i, round));
        }
        var syntax = Llama3ChatTemplate.llama31().toolCalls(tokenizer);
        long start = System.nanoTime();
        var grammar = compiler.compile(syntax.answer(new ToolChoice(required, tools, 128), null));
        compiling.add(System.nanoTime() - start);
        var call =
                "{\"name\": \"get_weather_0_%d\", \"parameters\": {\"city0\": \"Cusco, Peru\", \"days\": 12}}"
                        .formatted(round);
        var answer = required ? call : "Let me look at the weather in Cusco.\n\n" + call;
        take(grammar, answer, cold);
        take(grammar, answer, warm);
    }

    private void take(Grammar grammar, String answer, List<Long> times) {
        var matcher = grammar.matcher();
        for (int token : tokenizer.encode(answer)) {
            long start = System.nanoTime();
            matcher.mask();
            boolean taken = matcher.advance(token);
            times.add(System.nanoTime() - start);
            if (!taken) {
                return; // the canonical tokens of forced text begin elsewhere
            }
        }
    }

    private void report(int numTools, boolean required) throws IOException {
        for (int round = 0; round < ROUNDS; round++) {
            if (round == WARM_UP_ROUNDS) {
                List.of(compiling, cold, warm).forEach(List::clear);
            }
            round(numTools, required, round);
        }
        System.out.printf(
                "| %d, %s | %s | %s | %s |%n",
                numTools,
                required ? "required" : "auto",
                figures(compiling),
                figures(cold),
                figures(warm));
    }

    private static String figures(List<Long> nanos) {
        Collections.sort(nanos);
        return "%.1f, %.1f, %.1f"
                .formatted(
                        nanos.get(nanos.size() / 2) / 1e3,
                        nanos.get(nanos.size() * 99 / 100) / 1e3,
                        nanos.getLast() / 1e3);
    }

    /**
     * @param arguments tokenizer.model of Llama 3
     */
    public static void main(String[] arguments) throws IOException {
        var tokenizer = TokenizerLoader.fromTokenizerModel(Path.of(arguments[0]));
        System.out.println(
                "| tools | compiling, median, p99, worst \u00b5s | step cold | step warm |");
        System.out.println("|---|---|---|---|");
        for (int numTools : new int[] {1, 5, 20, 64}) {
            for (boolean required : new boolean[] {false, true}) {
                new ToolCallGrammarBenchmark(tokenizer).report(numTools, required);
            }
        }
    }
}
