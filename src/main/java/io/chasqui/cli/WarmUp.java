package io.chasqui.cli;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SamplerParams;
import io.chasqui.model.LlamaModel;
import java.time.Duration;
import java.util.Arrays;

/**
 * Runs a model for a moment before it is ready, so that the first request does not meet interpreted
 * kernels: a prompt, then single tokens, in blocks that nobody has yet.
 */
final class WarmUp {
    private static final int PROMPT = 32;
    private static final int STEPS = 24;
    private static final Duration LIMIT = Duration.ofMillis(700);

    private WarmUp() {}

    /**
     * @param maxTokens most tokens of a step
     */
    static void run(LlamaModel model, int maxTokens) {
        int slots = model.kvCache().numBlocks() * model.kvCache().blockSize();
        int prompt = Math.min(Math.min(PROMPT, maxTokens), slots / 2);
        long end = System.nanoTime() + LIMIT.toNanos();
        step(model, 0, prompt);
        for (int i = 0; i < STEPS && prompt + i < slots && System.nanoTime() < end; i++) {
            step(model, prompt + i, 1);
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
        model.sample(model.forward(batch), null);
    }
}
