package io.chasqui.cli;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.PendingTokens;
import io.chasqui.executor.ModelExecutor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Measures a model through its executor, without server, scheduler or tokenizer. Prefill and decode
 * are timed as llama-bench does: random tokens, logits of each sequence's last token only, sampling
 * timed apart.
 */
final class OfflineBenchmark {
    private static final int AGREEING_PASSES = 3;
    private static final double AGREEMENT = 0.03;
    private static final long WARM_UP_LIMIT_NANOS = 90_000_000_000L;
    private static final int WARM_UP_MAX_PASSES = 40;

    private final ModelExecutor executor;
    private final ModelCosts costs;
    private final int vocab;
    private final int blockSize;
    private final int maxTokens;
    private final int repeat;
    private final BenchProgress progress;

    /**
     * @param vocab token ids to draw from
     * @param maxTokens most tokens in one step
     * @param repeat measured passes after warm-up
     */
    OfflineBenchmark(
            ModelExecutor executor,
            ModelCosts costs,
            int vocab,
            int blockSize,
            int maxTokens,
            int repeat,
            BenchProgress progress) {
        this.executor = executor;
        this.costs = costs;
        this.vocab = vocab;
        this.blockSize = blockSize;
        this.maxTokens = maxTokens;
        this.repeat = repeat;
        this.progress = progress;
    }

    /** {@code prompt} tokens of each of {@code batch} sequences, on top of {@code depth}. */
    Measurement prefill(int batch, int prompt, int depth) {
        var sequences = new UniformBatches(batch, depth + prompt, blockSize, vocab);
        return measure(
                "prefill",
                batch,
                prompt,
                depth,
                sequences,
                sequences.prefill(depth, depth + prompt, maxTokens));
    }

    /** {@code generate} steps of one token of each sequence, starting at {@code depth}. */
    Measurement decode(int batch, int generate, int depth) {
        var sequences = new UniformBatches(batch, depth + generate, blockSize, vocab);
        return measure(
                "decode",
                batch,
                generate,
                depth,
                sequences,
                sequences.decode(depth, depth + generate));
    }

    private Measurement measure(
            String phase,
            int batch,
            int length,
            int depth,
            UniformBatches sequences,
            List<ForwardBatch> steps) {
        var name = name(phase, batch, length, depth);
        if (depth > 0) {
            progress.update("%s: filling the cache", name);
            run(sequences.prefill(0, depth, maxTokens));
        }
        long tokens = steps.stream().mapToLong(ForwardBatch::numTokens).sum();
        var warmUp = warmUp(name, steps, tokens);
        var passes = new ArrayList<Pass>();
        for (int r = 0; r < repeat; r++) {
            var pass = run(steps);
            passes.add(pass);
            progress.update(
                    "%s: pass %d of %d, %.1f tok/s", name, r + 1, repeat, pass.rate(tokens));
        }
        progress.clear();
        var nanos = passes.stream().mapToLong(Pass::forward).sorted().toArray();
        double median = median(nanos);
        double sampling = median(passes.stream().mapToLong(Pass::sampling).sorted().toArray());
        return new Measurement(
                phase,
                batch,
                length,
                depth,
                tokens * 1e9 / median,
                tokens * 1e9 / nanos[nanos.length - 1],
                tokens * 1e9 / nanos[0],
                passes.stream().mapToDouble(p -> p.rate(tokens)).toArray(),
                warmUp.first().rate(tokens),
                warmUp.passes(),
                warmUp.settled(),
                sampling / (sampling + median),
                steps.stream().mapToLong(costs::bytes).sum() / median,
                steps.stream().mapToLong(costs::flops).sum() / median);
    }

    /** Runs until the last three passes agree, or the limit is reached. */
    private WarmUp warmUp(String name, List<ForwardBatch> steps, long tokens) {
        var recent = new long[AGREEING_PASSES];
        Pass first = null;
        long begin = System.nanoTime();
        for (int n = 1; ; n++) {
            var pass = run(steps);
            first = first == null ? pass : first;
            recent[n % AGREEING_PASSES] = pass.forward();
            progress.update("%s: warm-up pass %d, %.1f tok/s", name, n, pass.rate(tokens));
            long low = Arrays.stream(recent).min().getAsLong();
            long high = Arrays.stream(recent).max().getAsLong();
            if (low > 0 && high - low <= AGREEMENT * low) {
                return new WarmUp(first, n, true);
            }
            if (n == WARM_UP_MAX_PASSES || System.nanoTime() - begin > WARM_UP_LIMIT_NANOS) {
                return new WarmUp(first, n, false);
            }
        }
    }

    private Pass run(List<ForwardBatch> steps) {
        return executor.pipelined() ? overlapped(steps) : oneByOne(steps);
    }

    /**
     * As the engine does it: a step starts while the one before runs, and includes its sampling.
     */
    private Pass overlapped(List<ForwardBatch> steps) {
        long begin = System.nanoTime();
        var last = PendingTokens.NONE;
        for (var step : steps) {
            var tokens = executor.execute(step).sample(null);
            last.await();
            last = tokens;
        }
        last.await();
        return new Pass(System.nanoTime() - begin, 0);
    }

    private Pass oneByOne(List<ForwardBatch> steps) {
        long forward = 0;
        long sampling = 0;
        for (var step : steps) {
            long begin = System.nanoTime();
            var handle = executor.execute(step);
            long computed = System.nanoTime();
            handle.sample(null).await();
            sampling += System.nanoTime() - computed;
            forward += computed - begin;
        }
        return new Pass(forward, sampling);
    }

    private static double median(long[] sorted) {
        int n = sorted.length;
        return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0;
    }

    private static String name(String phase, int batch, int length, int depth) {
        return String.format(Locale.ROOT, "%s %d x %d @ %d", phase, batch, length, depth);
    }

    private record Pass(long forward, long sampling) {
        double rate(long tokens) {
            return tokens * 1e9 / forward;
        }
    }

    private record WarmUp(Pass first, int passes, boolean settled) {}

    /**
     * One line of the result. Rates are of all sequences together and of the forward pass with
     * logits, without sampling; of an executor that pipelines, of whole steps with it.
     *
     * @param phase {@code prefill} or {@code decode}
     * @param batch sequences together
     * @param length tokens per sequence and pass
     * @param depth tokens in the cache before
     * @param tokensPerSecond median
     * @param passes tokens per second of each measured pass
     * @param firstPass tokens per second of the very first pass, cold
     * @param warmUpPasses passes before the measured ones
     * @param settled whether the last three of them agreed
     * @param samplingShare sampling's share of forward and sampling together; 0 where they overlap
     * @param gigabytesPerSecond weights and KV cache read, as stored in memory
     * @param gigaflopsPerSecond of the matrix products
     */
    record Measurement(
            String phase,
            int batch,
            int length,
            int depth,
            double tokensPerSecond,
            double min,
            double max,
            double[] passes,
            double firstPass,
            int warmUpPasses,
            boolean settled,
            double samplingShare,
            double gigabytesPerSecond,
            double gigaflopsPerSecond) {}
}
