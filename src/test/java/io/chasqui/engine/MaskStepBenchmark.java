package io.chasqui.engine;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.PendingTokens;
import io.chasqui.backend.SampledToken;
import io.chasqui.backend.SamplerParams;
import io.chasqui.config.EngineConfig;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.grammar.FunctionSchemas;
import io.chasqui.grammar.Grammar;
import io.chasqui.grammar.GrammarCompiler;
import io.chasqui.grammar.GrammarException;
import io.chasqui.grammar.GrammarLimits;
import io.chasqui.grammar.GrammarSpec;
import io.chasqui.grammar.GrammarVocabulary;
import io.chasqui.grammar.SchemaOptions;
import io.chasqui.kvcache.BlockHasher;
import io.chasqui.tokenizer.Tokenizer;
import io.chasqui.tokenizer.TokenizerLoader;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * Time that the engine's thread spends on grammars in a step of {@value #RUNNING} requests, each
 * with a function schema of its own and the vocabulary of Llama 3. The engine is the real one, its
 * model picks allowed tokens at random and takes no time. When an answer ends, another function's
 * begins. Times are of the CPU, steps those that ran all requests. Masks are asked for between the
 * model's start and its sampling; taking tokens is in what the whole engine needs more than it does
 * without grammars.
 */
final class MaskStepBenchmark {
    private static final int RUNNING = 64;
    private static final int END = 128009;
    private static final int MAX_TOKENS = 200;
    private static final int[] PROMPT = {1, 2, 3, 4, 5, 6, 7, 8};

    private final Tokenizer tokenizer;
    private final boolean jumpAhead;

    private MaskStepBenchmark(Tokenizer tokenizer, boolean jumpAhead) {
        this.tokenizer = tokenizer;
        this.jumpAhead = jumpAhead;
    }

    private static long now() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    /** Nanoseconds of each step that ran all requests. */
    private record Steps(List<Long> masks, List<Long> others) {
        Steps() {
            this(new ArrayList<>(), new ArrayList<>());
        }
    }

    /** Picks tokens; counts time outside of itself. */
    private static final class RandomModel implements ModelExecutor {
        private static final int[] NO_TOKENS = {};
        private static final float[] NO_LOGPROBS = {};

        private final Random random = new Random(1);
        private long since;
        private long masks;
        private long others;
        private int rows;

        void begin() {
            masks = 0;
            others = 0;
            rows = 0;
            since = now();
        }

        void end() {
            others += now() - since;
        }

        @Override
        public StepHandle execute(ForwardBatch batch) {
            others += now() - since;
            rows += batch.rows().length;
            since = now();
            return given -> sample(batch, given);
        }

        private PendingTokens sample(ForwardBatch batch, long[][] given) {
            masks += now() - since;
            var sampled = new SampledToken[batch.rows().length];
            for (int i = 0; i < sampled.length; i++) {
                int token = given == null ? random.nextInt(1000) : choose(given[i]);
                sampled[i] = new SampledToken(token, 0, NO_TOKENS, NO_LOGPROBS, true);
            }
            since = now();
            return () -> sampled;
        }

        private int choose(long[] mask) {
            int left = random.nextInt(Arrays.stream(mask).mapToInt(Long::bitCount).sum());
            for (int word = 0; ; word++) {
                int here = Long.bitCount(mask[word]);
                if (left < here) {
                    long bits = mask[word];
                    for (; left > 0; left--) {
                        bits &= bits - 1;
                    }
                    return word * 64 + Long.numberOfTrailingZeros(bits);
                }
                left -= here;
            }
        }

        @Override
        public void close() {}
    }

    private Steps run(List<Grammar> grammars) {
        var config =
                new EngineConfig(
                        4096,
                        RUNNING,
                        8192,
                        RUNNING * 20,
                        16,
                        100_000,
                        100_000_000,
                        Duration.ofHours(1),
                        true,
                        jumpAhead,
                        3,
                        Duration.ofHours(1));
        var model = new RandomModel();
        var admission = new Admission(config);
        var loop =
                new EngineLoop(
                        config,
                        model,
                        tokenizer,
                        Set.of(END),
                        EngineListener.NONE,
                        System::nanoTime,
                        admission,
                        new BlockHasher(new byte[] {7}, 16, 128));
        var waiting = new ArrayList<>(grammars).iterator();
        var steps = new Steps();
        while (fill(loop, admission, waiting)) {
            model.begin();
            loop.step();
            model.end();
            if (model.rows == RUNNING) {
                steps.masks.add(model.masks);
                steps.others.add(model.others);
            }
        }
        return steps;
    }

    /** Returns whether there is enough left to run. */
    private static boolean fill(EngineLoop loop, Admission admission, Iterator<Grammar> waiting) {
        while (loop.numGroups() < RUNNING && waiting.hasNext()) {
            var params =
                    new SamplingParams(
                            1,
                            MAX_TOKENS,
                            0,
                            List.of(),
                            Set.of(),
                            false,
                            false,
                            1,
                            -1,
                            -1,
                            SamplerParams.GREEDY,
                            waiting.next());
            var request = EngineBed.request("r", PROMPT, params);
            admission.charge(request, 1);
            var buffer = new OutputBuffer[1];
            buffer[0] = new OutputBuffer(() -> drain(buffer[0]));
            loop.add(loop.newGroup(request, buffer[0]));
        }
        return loop.numGroups() == RUNNING;
    }

    private static void drain(OutputBuffer buffer) {
        while (buffer.poll() != null) {
            // Nothing is done with it.
        }
    }

    private static void line(String what, List<Long> nanos) {
        long[] sorted = nanos.stream().mapToLong(t -> t).sorted().toArray();
        System.out.printf(
                "| %s | %,d | %.1f | %.1f | %.1f |%n",
                what,
                sorted.length,
                sorted[sorted.length / 2] / 1e3,
                sorted[(int) (sorted.length * 0.99)] / 1e3,
                sorted[sorted.length - 1] / 1e3);
    }

    private void report(List<Grammar> grammars, String state) {
        var steps = run(grammars);
        var both = new ArrayList<Long>();
        for (int i = 0; i < steps.masks.size(); i++) {
            both.add(steps.masks.get(i) + steps.others.get(i));
        }
        var name = ", " + state + (jumpAhead ? "" : ", no jump-ahead");
        line("masks" + name, steps.masks);
        line("the engine with masks" + name, both);
    }

    /**
     * @param arguments tokenizer.model, the folder of the BFCL files, rounds
     */
    public static void main(String[] arguments) throws IOException {
        var tokenizer = TokenizerLoader.fromTokenizerModel(Path.of(arguments[0]));
        var vocabulary = new GrammarVocabulary(tokenizer, END);
        var compiler = new GrammarCompiler(vocabulary, GrammarLimits.DEFAULT);
        var schemas = FunctionSchemas.of(Path.of(arguments[1]));
        var none = Collections.<Grammar>nCopies(schemas.size(), null);
        for (int round = 1; round <= Integer.parseInt(arguments[2]); round++) {
            System.out.println("\n| round " + round + " | steps | median µs | p99 µs | worst µs |");
            System.out.println("|---|---|---|---|---|");
            for (boolean jumpAhead : new boolean[] {true, false}) {
                var benchmark = new MaskStepBenchmark(tokenizer, jumpAhead);
                var grammars = compileAll(compiler, schemas);
                benchmark.report(grammars, "cold");
                benchmark.report(grammars, "warm");
            }
            line(
                    "the engine without grammars",
                    new MaskStepBenchmark(tokenizer, true).run(none).others);
        }
    }

    /** Grammars of which nothing is known yet. */
    private static List<Grammar> compileAll(GrammarCompiler compiler, Set<String> schemas) {
        var grammars = new ArrayList<Grammar>();
        for (var schema : schemas) {
            try {
                var spec = new GrammarSpec.JsonSchema(schema, SchemaOptions.DEFAULT);
                grammars.add(compiler.compile(spec));
            } catch (GrammarException e) {
                System.err.println("refused: " + e.getMessage());
            }
        }
        return grammars;
    }
}
