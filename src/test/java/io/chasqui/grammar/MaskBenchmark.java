package io.chasqui.grammar;

import io.chasqui.tokenizer.Tokenizer;
import io.chasqui.tokenizer.TokenizerLoader;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * What compiling and masks cost on a real vocabulary, in time of the CPU. A step is {@code mask},
 * then {@code advance}. Each schema answers several times, the first with nothing known about it.
 * Run with a tokenizer.model and, for function schemas, the folder of the BFCL files.
 */
final class MaskBenchmark {
    private static final int END = 128009;
    private static final int ANSWERS = 20;
    private static final int MAX_TOKENS = 200;

    /** Of the function schemas, one in so many. */
    private static final int EVERY = 25;

    private static final Map<String, String> SCHEMAS = new LinkedHashMap<>();

    static {
        SCHEMAS.put("anything", "true");
        SCHEMAS.put(
                "person",
                "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"age\":"
                        + "{\"type\":\"integer\",\"minimum\":0,\"maximum\":150},\"email\":"
                        + "{\"type\":\"string\",\"format\":\"email\"}},\"required\":[\"name\",\"age\"]}");
        SCHEMAS.put(
                "list of records",
                "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"id\":"
                        + "{\"type\":\"string\",\"format\":\"uuid\"},\"at\":{\"type\":\"string\","
                        + "\"format\":\"date-time\"},\"score\":{\"type\":\"number\",\"minimum\":0,"
                        + "\"maximum\":1},\"tags\":{\"type\":\"array\",\"items\":{\"enum\":[\"red\","
                        + "\"green\",\"blue\"]},\"maxItems\":3}}},\"minItems\":1}");
        SCHEMAS.put(
                "tree",
                "{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":"
                        + "{\"v\":{\"type\":\"string\"},\"l\":{\"anyOf\":[{\"$ref\":\"#/$defs/n\"},"
                        + "{\"type\":\"null\"}]},\"r\":{\"anyOf\":[{\"$ref\":\"#/$defs/n\"},"
                        + "{\"type\":\"null\"}]}},\"required\":[\"v\",\"l\",\"r\"]}}}");
        SCHEMAS.put(
                "string of 2 to 200", "{\"type\":\"string\",\"minLength\":2,\"maxLength\":200}");
        SCHEMAS.put("string of 5,000", "{\"type\":\"string\",\"maxLength\":5000}");
        SCHEMAS.put(
                "pattern",
                "{\"type\":\"string\",\"pattern\":\"^(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9 _-]{8,40}$\"}");
        SCHEMAS.put("uri", "{\"type\":\"string\",\"format\":\"uri\"}");
        SCHEMAS.put(
                "open object",
                "{\"properties\":{\"id\":{\"type\":\"integer\"}},"
                        + "\"patternProperties\":{\"^x-\":{\"type\":\"string\"}},"
                        + "\"additionalProperties\":{\"type\":\"boolean\"}}");
        SCHEMAS.put("40 optional members", "{\"properties\":{" + members(40) + "}}");
    }

    private final GrammarCompiler compiler;
    private final GrammarVocabulary vocabulary;

    private MaskBenchmark(Tokenizer tokenizer) {
        vocabulary = new GrammarVocabulary(tokenizer, END);
        compiler = new GrammarCompiler(vocabulary, GrammarLimits.DEFAULT);
    }

    private static String members(int count) {
        var members = new ArrayList<String>();
        for (int i = 0; i < count; i++) {
            members.add("\"field_%d\":{\"type\":[\"integer\",\"string\"]}".formatted(i));
        }
        return String.join(",", members);
    }

    private static long now() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    /** Times of steps in nanoseconds, ascending; that of compiling first. */
    private List<long[]> run(String schema) {
        long begin = now();
        var grammar = compiler.compile(new GrammarSpec.JsonSchema(schema, SchemaOptions.DEFAULT));
        long compile = now() - begin;
        var times = new ArrayList<Long>();
        for (int i = 0; i < ANSWERS; i++) {
            answer(grammar, new Random(i), times);
        }
        return List.of(new long[] {compile}, times.stream().mapToLong(t -> t).sorted().toArray());
    }

    private void answer(Grammar grammar, Random random, List<Long> times) {
        var matcher = grammar.matcher();
        for (int i = 0; i < MAX_TOKENS; i++) {
            long begin = now();
            long[] mask = matcher.mask();
            long masked = now();
            int token = choose(mask, random);
            long chosen = now();
            matcher.advance(token);
            times.add(now() - chosen + masked - begin);
            if (vocabulary.isEnd(token)) {
                return;
            }
        }
    }

    private int choose(long[] mask, Random random) {
        int chosen = -1;
        int closing = -1;
        int seen = 0;
        for (int word = 0; word < mask.length; word++) {
            for (long bits = mask[word]; bits != 0; bits &= bits - 1) {
                int token = word * 64 + Long.numberOfTrailingZeros(bits);
                chosen = random.nextInt(++seen) == 0 ? token : chosen;
                byte[] bytes = vocabulary.bytes(token);
                closing = bytes == null || bytes[0] == '"' || bytes[0] == '}' ? token : closing;
            }
        }
        return closing >= 0 && random.nextInt(8) == 0 ? closing : chosen;
    }

    private static String line(String name, long compile, long[] steps) {
        return "| %s | %.1f | %d | %.1f | %.1f | %.1f |"
                .formatted(
                        name,
                        compile / 1e6,
                        steps.length,
                        steps[steps.length / 2] / 1e3,
                        steps[steps.length * 99 / 100] / 1e3,
                        steps[steps.length - 1] / 1e3);
    }

    /**
     * @param arguments tokenizer.model; then, if wanted, the folder of the BFCL files
     */
    public static void main(String[] arguments) throws IOException {
        long begin = now();
        var tokenizer = TokenizerLoader.fromTokenizerModel(Path.of(arguments[0]));
        long loaded = now();
        var benchmark = new MaskBenchmark(tokenizer);
        System.out.printf(
                "tokenizer %.0f ms, vocabulary and first masks %.0f ms%n",
                (loaded - begin) / 1e6, (now() - loaded) / 1e6);
        // A server has been running for a while.
        for (int i = 0; i < 3; i++) {
            SCHEMAS.values().forEach(benchmark::run);
        }
        System.out.println("| schema | compile ms | steps | median us | p99 us | worst us |");
        System.out.println("|---|---|---|---|---|---|");
        SCHEMAS.forEach(
                (name, schema) -> {
                    var result = benchmark.run(schema);
                    System.out.println(line(name, result.get(0)[0], result.get(1)));
                });
        if (arguments.length > 1) {
            benchmark.functions(Path.of(arguments[1]));
        }
    }

    private void functions(Path folder) throws IOException {
        var compile = new ArrayList<Long>();
        var steps = new ArrayList<Long>();
        int number = 0;
        for (var schema : SampledAnswers.functionSchemas(folder)) {
            if (number++ % EVERY != 0) {
                continue;
            }
            try {
                var result = run(schema);
                compile.add(result.get(0)[0]);
                Arrays.stream(result.get(1)).forEach(steps::add);
            } catch (GrammarException e) {
                System.out.println("refused: " + e.getMessage());
            }
        }
        long[] compiles = compile.stream().mapToLong(t -> t).sorted().toArray();
        long[] sorted = steps.stream().mapToLong(t -> t).sorted().toArray();
        System.out.println(
                line(compiles.length + " functions", compiles[compiles.length / 2], sorted));
        System.out.printf(
                "their compile times: median %.1f, p99 %.1f, worst %.1f ms%n",
                compiles[compiles.length / 2] / 1e6,
                compiles[compiles.length * 99 / 100] / 1e6,
                compiles[compiles.length - 1] / 1e6);
    }
}
