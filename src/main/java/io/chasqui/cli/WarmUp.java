package io.chasqui.cli;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SamplerParams;
import io.chasqui.model.LlamaModel;
import java.time.Duration;
import java.util.Arrays;

/**
 * Runs a model for a moment before it is ready, so that the first request does not meet interpreted
 * kernels. The first single token costs as much as a hundred later ones and makes the compiler busy
 * with what all steps share; then steps of more tokens, which use kernels of their own. All in
 * blocks that nobody has yet.
 */
final class WarmUp {
    /** Tokens of each step. */
    private static final int[] STEPS = {1, 1, 1, 1, 8, 1, 4, 32, 1, 12, 1, 128};

    /** No step begins later than this after the start. */
    private static final Duration LIMIT = Duration.ofMillis(1500);

    private WarmUp() {}

    /**
     * @param maxTokens most tokens of a step
     */
    static void run(LlamaModel model, int maxTokens) {
        int slots = model.kvCache().numBlocks() * model.kvCache().blockSize();
        long end = System.nanoTime() + LIMIT.toNanos();
        int done = 0;
        for (int wanted : STEPS) {
            int tokens = Math.min(wanted, Math.min(maxTokens, slots - done));
            if (tokens > 0 && System.nanoTime() - end < 0) {
                step(model, done, tokens);
                done += tokens;
            }
        }
    }

    private static void step(LlamaModel model, int from, int count) {
        var positions = new int[count];
        Arrays.setAll(positions, i -> from + i);
        int blockSize = model.kvCache().blockSize();
        var table = new int[(from + count + blockSize - 1) / blockSize];
        Arrays.setAll(table, i -> i);
        var params = new SamplerParams(0.8f, 0.9f, 40, 0, 1, 0, 0, new int[0], new float[0]);
        var history = new int[] {0};
        var row =
                new LogitsRow(
                        count - 1,
                        LogitsRow.SAMPLE,
                        params,
                        1,
                        0,
                        from,
                        history,
                        1,
                        1,
                        new int[0],
                        1);
        var batch =
                new ForwardBatch(
                        new int[count],
                        positions,
                        positions,
                        new int[] {0, count},
                        new int[] {from + count},
                        new int[][] {table},
                        new LogitsRow[] {row});
        model.sample(model.forward(batch), null).await();
    }
}
