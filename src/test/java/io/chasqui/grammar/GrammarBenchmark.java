package io.chasqui.grammar;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.chasqui.tokenizer.TokenizerLoader;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * What compiling and masks cost on a real vocabulary, schema by schema, in time of the CPU. A step
 * is {@code mask}, then {@code advance}. A schema is compiled, answers {@value #ANSWERS} times with
 * nothing known about it but what the server shares between grammars (cold), and gives the same
 * answers again (warm). Answers are random, which is harder than what models say: they wander
 * through parts of the grammar and of the vocabulary that sensible text never sees.
 */
final class GrammarBenchmark {
    private static final int END = 128009;
    private static final int ANSWERS = 5;
    private static final int MAX_TOKENS = 200;

    /** Schemas of all sets that are run beforehand, one in so many, for the JIT's sake. */
    private static final int WARM_UP_EVERY = 10;

    private final GrammarVocabulary vocabulary;
    private final GrammarCompiler compiler;
    private final long[] closing;
    private final PrintStream rows;

    /** Nanoseconds per schema, or per step of all schemas. */
    private static final class Times {
        private long[] values = new long[1024];
        private int size;

        void add(long value) {
            values = size == values.length ? Arrays.copyOf(values, 2 * size) : values;
            values[size++] = value;
        }

        void addAll(Times other) {
            for (int i = 0; i < other.size; i++) {
                add(other.values[i]);
            }
        }

        /** Median, p99 and worst, in microseconds. */
        double[] summary() {
            long[] sorted = Arrays.copyOf(values, size);
            Arrays.sort(sorted);
            return new double[] {
                sorted[size / 2] / 1e3, sorted[(int) (size * 0.99)] / 1e3, sorted[size - 1] / 1e3
            };
        }
    }

    private record Result(long compile, Times cold, Times warm) {}

    private GrammarBenchmark(GrammarVocabulary vocabulary, PrintStream rows) {
        this.vocabulary = vocabulary;
        this.rows = rows;
        compiler = new GrammarCompiler(vocabulary, GrammarLimits.DEFAULT);
        closing = new long[vocabulary.words()];
        for (int token = 0; token < vocabulary.size(); token++) {
            byte[] bytes = vocabulary.bytes(token);
            boolean closes = bytes == null || "\"}]".indexOf(bytes[0]) >= 0;
            closing[token >> 6] |= closes ? 1L << token : 0;
        }
    }

    private static long now() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    private static GrammarSpec spec(String schema) {
        return new GrammarSpec.JsonSchema(schema, SchemaOptions.DEFAULT);
    }

    private Result run(GrammarSpec spec) {
        long begin = now();
        var grammar = compiler.compile(spec);
        long compile = now() - begin;
        var cold = new Times();
        var warm = new Times();
        for (var times : List.of(cold, warm)) {
            for (int seed = 0; seed < ANSWERS; seed++) {
                answer(grammar, new Random(seed), times);
            }
        }
        return new Result(compile, cold, warm);
    }

    private void answer(Grammar grammar, Random random, Times times) {
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

    /** Any token that is allowed; now and then one that closes something, if there is one. */
    private int choose(long[] mask, Random random) {
        long[] among = mask;
        if (random.nextInt(8) == 0) {
            among = mask.clone();
            for (int i = 0; i < among.length; i++) {
                among[i] &= closing[i];
            }
        }
        int count = count(among);
        among = count == 0 ? mask : among;
        int left = random.nextInt(count == 0 ? count(mask) : count);
        for (int word = 0; ; word++) {
            int here = Long.bitCount(among[word]);
            if (left < here) {
                long bits = among[word];
                for (; left > 0; left--) {
                    bits &= bits - 1;
                }
                return word * 64 + Long.numberOfTrailingZeros(bits);
            }
            left -= here;
        }
    }

    private static int count(long[] mask) {
        return Arrays.stream(mask).mapToInt(Long::bitCount).sum();
    }

    /** Runs a set of grammars and prints its lines of the table. */
    private void report(String set, Map<String, GrammarSpec> specs) {
        var compile = new Times();
        var cold = new Times();
        var warm = new Times();
        int refused = 0;
        for (var spec : specs.entrySet()) {
            try {
                var result = run(spec.getValue());
                compile.add(result.compile);
                cold.addAll(result.cold);
                warm.addAll(result.warm);
                row(set, spec.getKey(), result);
            } catch (GrammarException e) {
                refused++;
                rows.printf("%s,%s,refused,,,,,,,%n", set, quoted(spec.getKey()));
            }
        }
        System.out.printf("%n%s: %d, %d refused%n%n", set, compile.size, refused);
        System.out.println("| what | count | median µs | p99 µs | worst µs |");
        System.out.println("|---|---|---|---|---|");
        line("compiling", compile);
        line("step, cold", cold);
        line("step, warm", warm);
    }

    private static void line(String what, Times times) {
        double[] s = times.summary();
        System.out.printf(
                "| %s | %,d | %.1f | %.1f | %.1f |%n", what, times.size, s[0], s[1], s[2]);
    }

    private void row(String set, String name, Result result) {
        double[] cold = result.cold.summary();
        double[] warm = result.warm.summary();
        rows.printf(
                "%s,%s,%.1f,%d,%.1f,%.1f,%.1f,%.1f,%.1f,%.1f%n",
                set,
                quoted(name),
                result.compile / 1e3,
                result.cold.size,
                cold[0],
                cold[1],
                cold[2],
                warm[0],
                warm[1],
                warm[2]);
    }

    private static String quoted(String name) {
        return '"' + name.replace("\"", "\"\"") + '"';
    }

    /** Schemas of the JSON-Schema-Test-Suite that can be compiled. */
    private Map<String, GrammarSpec> testSuite(Path folder) throws IOException {
        var schemas = new LinkedHashMap<String, GrammarSpec>();
        var mapper = new JsonMapper();
        try (var files = Files.list(folder)) {
            for (var file : files.sorted().toList()) {
                if (!file.toString().endsWith(".json")) {
                    continue;
                }
                for (var group : mapper.readTree(file.toFile())) {
                    var name = file.getFileName() + ": " + group.get("description").asText();
                    var spec = spec(group.get("schema").toString());
                    if (isSupported(spec)) {
                        schemas.put(name, spec);
                    }
                }
            }
        }
        return schemas;
    }

    private boolean isSupported(GrammarSpec spec) {
        try {
            compiler.compile(spec);
            return true;
        } catch (GrammarException e) {
            return false;
        }
    }

    private void run(Path data) throws IOException {
        var functions = new LinkedHashMap<String, GrammarSpec>();
        for (var schema : FunctionSchemas.of(data.resolve("bfcl"))) {
            functions.put("function " + functions.size(), spec(schema));
        }
        var suite = testSuite(data.resolve("json-schema-test-suite").resolve("tests-draft2020-12"));
        var hard = HardGrammars.all();
        var all = new ArrayList<>(functions.values());
        all.addAll(suite.values());
        all.addAll(hard.values());
        for (int i = 0; i < all.size(); i += WARM_UP_EVERY) {
            try {
                run(all.get(i));
            } catch (GrammarException e) {
                continue;
            }
        }
        rows.println(
                "set,schema,compile_us,steps,cold_median_us,cold_p99_us,cold_worst_us,"
                        + "warm_median_us,warm_p99_us,warm_worst_us");
        report("functions", functions);
        report("test suite", suite);
        report("hard", hard);
    }

    /**
     * @param arguments tokenizer.model, the folder of the shared data, the CSV file to write
     */
    public static void main(String[] arguments) throws IOException {
        long begin = now();
        var tokenizer = TokenizerLoader.fromTokenizerModel(Path.of(arguments[0]));
        long loaded = now();
        var vocabulary = new GrammarVocabulary(tokenizer, END);
        try (var rows = new PrintStream(arguments[2], StandardCharsets.UTF_8)) {
            var benchmark = new GrammarBenchmark(vocabulary, rows);
            System.out.printf(
                    "tokenizer %.0f ms, vocabulary and first masks %.0f ms%n",
                    (loaded - begin) / 1e6, (now() - loaded) / 1e6);
            var clock = new Times();
            for (int i = 0; i < 10_000; i++) {
                long start = now();
                clock.add(now() - start);
            }
            System.out.println("\n| what | count | median µs | p99 µs | worst µs |");
            System.out.println("|---|---|---|---|---|");
            line("reading the clock, twice in each step", clock);
            benchmark.run(Path.of(arguments[1]));
        }
    }
}
