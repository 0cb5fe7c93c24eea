package io.chasqui.testing;

import static io.chasqui.testing.Check.require;

import io.chasqui.backend.Backend;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.SamplerParams;
import io.chasqui.backend.cpu.CpuBackend;
import io.chasqui.model.Checkpoint;
import io.chasqui.model.LlamaConfig;
import io.chasqui.quant.DType;
import io.chasqui.testing.TestSequence.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/**
 * Checks a backend against the CPU's scalar kernels, on random models whose shapes reach every
 * kernel, and against itself.
 */
public final class SelfTest {
    private static final int MAX_TOKENS = 320;
    private static final int LONGEST = 640;
    private static final int BLOCKS_EACH = Math.ceilDiv(LONGEST, BackendUnderTest.BLOCK_SIZE);

    /** What rounding to BF16 in each stage may come to, relative to the row's norm. */
    private static final double TOLERANCE = 0.03;

    private static final double LOGPROB_TOLERANCE = 1e-3;

    /** Vocabulary, context and RoPE base do not select kernels. */
    private static final int VOCAB = 1003;

    /** {@code layers, hidden, heads, kvHeads, headDim, ffn}. */
    private static final int[][] SHAPES = {
        {2, 256, 4, 1, 64, 704}, // groups of 4
        {1, 512, 8, 1, 128, 1408}, // groups of 8, wide heads
        {2, 192, 6, 2, 32, 520}, // groups of 3, sizes that fill no tile
        {1, 1024, 16, 1, 64, 2816}, // groups of 16
        {1, 320, 5, 5, 64, 896}, // a KV head each
    };

    private static final int REDUCED_SHAPES = 2;

    private final Subject subject;
    private final Consumer<String> progress;

    /** Opens the backend that is to be checked. */
    @FunctionalInterface
    public interface Subject {
        /**
         * @param graphs whether it may record steps and replay them
         */
        Backend open(boolean graphs);
    }

    /**
     * @param progress hears the name of each check when it begins
     */
    public SelfTest(Subject subject, Consumer<String> progress) {
        this.subject = subject;
        this.progress = progress;
    }

    /**
     * Runs all checks.
     *
     * @param reduced the fewest shapes that reach every kernel, for tools that slow a device down
     */
    public List<Check> run(boolean reduced) {
        var checks = new ArrayList<Check>();
        int shapes = reduced ? REDUCED_SHAPES : SHAPES.length;
        for (int i = 0; i < shapes; i++) {
            int[] shape = SHAPES[i];
            long seed = i;
            check(checks, "logits of " + name(shape), () -> logits(config(shape), seed, reduced));
        }
        check(checks, "sampling", () -> sampling(config(SHAPES[0])));
        check(checks, "batch invariance", () -> invariance(config(SHAPES[1]), reduced ? 2 : 20));
        check(checks, "recorded steps", () -> recordedSteps(config(SHAPES[0]), reduced ? 2 : 12));
        return checks;
    }

    private void check(List<Check> checks, String name, Check.Body body) {
        progress.accept(name);
        checks.add(Check.run(name, body));
    }

    private static String name(int[] shape) {
        return "hidden %d, heads %d of %d, %d KV heads, ffn %d"
                .formatted(shape[1], shape[2], shape[4], shape[3], shape[5]);
    }

    private static LlamaConfig config(int[] shape) {
        int headDim = shape[4];
        var frequencies = new float[headDim / 2];
        for (int j = 0; j < frequencies.length; j++) {
            frequencies[j] = (float) Math.pow(500_000, -2.0 * j / headDim);
        }
        return new LlamaConfig(
                shape[0],
                shape[1],
                shape[2],
                shape[3],
                headDim,
                shape[5],
                VOCAB,
                LONGEST,
                1e-5f,
                frequencies,
                false);
    }

    private BackendUnderTest load(LlamaConfig config, Backend backend, KvDType dtype, int blocks) {
        try (var checkpoint = Checkpoint.dummy("random", config, DType.BF16, 7)) {
            return BackendUnderTest.load(checkpoint, backend, dtype, MAX_TOKENS, blocks);
        }
    }

    // ------------------------------------------------------------------ against the CPU

    private String logits(LlamaConfig config, long seed, boolean reduced) {
        var random = new SplittableRandom(seed);
        int[] lengths = reduced ? new int[] {1, 70} : new int[] {1, 17, 70, 300};
        var prompts = new int[lengths.length][];
        Arrays.setAll(prompts, i -> random.ints(lengths[i], 0, VOCAB).toArray());
        int blocks = prompts.length * BLOCKS_EACH;
        var steps = new RandomSteps(random, MAX_TOKENS, BLOCKS_EACH);
        float[][][] expected;
        try (var reference = load(config, CpuBackend.create(0, 0, true), KvDType.F32, blocks)) {
            expected = steps.run(prompts, reference::logits);
        }
        double worst = 0;
        int rows = 0;
        try (var model = load(config, subject.open(true), KvDType.BF16, blocks)) {
            float[][][] actual = steps.run(prompts, model::logits);
            for (int s = 0; s < prompts.length; s++) {
                for (int t = 0; t < prompts[s].length; t++, rows++) {
                    double error = relativeError(expected[s][t], actual[s][t]);
                    require(
                            error < TOLERANCE,
                            "token %d of a sequence of %d: relative error %.3g",
                            t,
                            prompts[s].length,
                            error);
                    worst = Math.max(worst, error);
                }
            }
        }
        return "%d rows, worst relative error %.2g of %.2g".formatted(rows, worst, TOLERANCE);
    }

    /** ‖actual − expected‖ / ‖expected‖; infinite when something is not finite. */
    static double relativeError(float[] expected, float[] actual) {
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow((double) expected[i] - actual[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        double error = Math.sqrt(difference / norm);
        return Double.isFinite(error) ? error : Double.POSITIVE_INFINITY;
    }

    // ------------------------------------------------------------------ sampling

    /** Tokens and logprobs against the row's own logits. */
    private String sampling(LlamaConfig config) {
        var random = new SplittableRandom(3);
        int draws = 0;
        try (var model = load(config, subject.open(true), KvDType.BF16, BLOCKS_EACH)) {
            for (int i = 0; i < 40; i++) {
                int topK = random.nextInt(4) == 0 ? 0 : 1 + random.nextInt(50);
                var params = params(i % 4 == 0 ? 0 : 0.2f + random.nextFloat(), topK);
                int[] prompt = random.ints(1 + random.nextInt(30), 0, VOCAB).toArray();
                var sequence =
                        TestSequence.contiguous(prompt, 0, LONGEST, BackendUnderTest.BLOCK_SIZE);
                var batch = TestSequence.batch(params, 5, Slice.lastRow(sequence, prompt.length));
                var pass = model.model().forward(batch);
                float[] logits = model.backend().readLogits(pass)[0];
                var sampled = model.model().sample(pass, null).await()[0];
                require(sampled.finite(), "finite logits are taken for infinite ones");
                var ranked = new RankedLogits(logits);
                int kept = params.temperature() == 0 ? 1 : topK == 0 ? VOCAB : topK;
                require(
                        ranked.rank(sampled.token()) < kept,
                        "token %d of rank %d sampled of the top %d",
                        sampled.token(),
                        ranked.rank(sampled.token()),
                        kept);
                close(ranked.logprob(sampled.token()), sampled.logprob());
                for (int n = 0; n < sampled.topTokens().length; n++) {
                    require(
                            ranked.token(n) == sampled.topTokens()[n],
                            "token %d listed as the likeliest but %d, which is %d",
                            sampled.topTokens()[n],
                            n,
                            ranked.token(n));
                    close(ranked.logprob(ranked.token(n)), sampled.topLogprobs()[n]);
                }
                draws++;
            }
        }
        return draws + " tokens, their logprobs and the five likeliest";
    }

    private static SamplerParams params(float temperature, int topK) {
        return new SamplerParams(temperature, 1, topK, 0, 1, 0, 0, new int[0], new float[0]);
    }

    private static void close(double expected, float actual) {
        require(
                Math.abs(expected - actual) < LOGPROB_TOLERANCE,
                "logprob %.6f instead of %.6f",
                actual,
                expected);
    }

    // ------------------------------------------------------------------ against itself

    private String invariance(LlamaConfig config, int trials) {
        try (var checkpoint = Checkpoint.dummy("random", config, DType.BF16, 7)) {
            var result = InvarianceCheck.run(checkpoint, subject.open(true), trials, 1, done -> {});
            require(result.differing() == 0, "%d of %d trials differ", result.differing(), trials);
        }
        return trials + " trials, all bits equal";
    }

    private String recordedSteps(LlamaConfig config, int steps) {
        int[] recorded = decode(config, true, steps);
        int[] eager = decode(config, false, steps);
        require(
                Arrays.equals(recorded, eager),
                "tokens of recorded steps %s and of others %s",
                Arrays.toString(recorded),
                Arrays.toString(eager));
        return recorded.length + " tokens, equal with and without recording";
    }

    /** Tokens and the bits of their logprobs, of three sequences. */
    private int[] decode(LlamaConfig config, boolean graphs, int steps) {
        var random = new SplittableRandom(11);
        var sequences = new TestSequence[3];
        for (int s = 0; s < sequences.length; s++) {
            int[] prompt = random.ints(5 + 20 * s, 0, VOCAB).toArray();
            sequences[s] =
                    TestSequence.contiguous(
                            prompt, s * BLOCKS_EACH, LONGEST, BackendUnderTest.BLOCK_SIZE);
        }
        int blocks = BLOCKS_EACH * sequences.length;
        var outcome = new ArrayList<Integer>();
        try (var model = load(config, subject.open(graphs), KvDType.BF16, blocks)) {
            for (int step = 0; step < steps; step++) {
                var slices =
                        Arrays.stream(sequences)
                                .map(sequence -> Slice.lastRow(sequence, sequence.pending()))
                                .toArray(Slice[]::new);
                var sampled = model.sample(TestSequence.batch(SamplerParams.GREEDY, 0, slices));
                for (int s = 0; s < sequences.length; s++) {
                    outcome.add(sampled[s].token());
                    outcome.add(Float.floatToRawIntBits(sampled[s].logprob()));
                    sequences[s].append(sampled[s].token());
                }
            }
        }
        return outcome.stream().mapToInt(Integer::intValue).toArray();
    }
}
