package io.chasqui.testing;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.SamplerParams;
import io.chasqui.testing.TestSequence.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Function;

/** Runs sequences to their end in steps made up at random, keeping the logits of every token. */
final class RandomSteps {
    private final SplittableRandom random;
    private final int maxTokens;
    private final int blocksEach;

    /**
     * @param maxTokens most tokens of a step
     * @param blocksEach blocks that the cache has for each sequence
     */
    RandomSteps(SplittableRandom random, int maxTokens, int blocksEach) {
        this.random = random;
        this.maxTokens = maxTokens;
        this.blocksEach = blocksEach;
    }

    /**
     * @param model gives the logits of a batch's rows
     * @return logits, {@code [sequence][token][vocab]}
     */
    float[][][] run(int[][] prompts, Function<ForwardBatch, float[][]> model) {
        int[] blocks = TestSequence.shuffledBlocks(blocksEach * prompts.length, random);
        List<TestSequence> sequences = new ArrayList<>();
        var logits = new float[prompts.length][][];
        for (int s = 0; s < prompts.length; s++) {
            int[] own = Arrays.copyOfRange(blocks, s * blocksEach, (s + 1) * blocksEach);
            sequences.add(new TestSequence(prompts[s], own, BackendUnderTest.BLOCK_SIZE));
            logits[s] = new float[prompts[s].length][];
        }
        while (sequences.stream().anyMatch(sequence -> sequence.pending() > 0)) {
            step(sequences, logits, model);
        }
        return logits;
    }

    private void step(
            List<TestSequence> sequences,
            float[][][] logits,
            Function<ForwardBatch, float[][]> model) {
        List<Slice> slices = new ArrayList<>();
        List<float[][]> targets = new ArrayList<>();
        List<Integer> firsts = new ArrayList<>();
        int left = maxTokens;
        for (int s = 0; s < sequences.size(); s++) {
            var sequence = sequences.get(s);
            int most = Math.min(left, sequence.pending());
            if (most == 0 || random.nextInt(5) == 0) {
                continue;
            }
            int count = random.nextInt(3) == 0 ? 1 : 1 + random.nextInt(most);
            slices.add(Slice.everyRow(sequence, count));
            targets.add(logits[s]);
            firsts.add(sequence.computed());
            left -= count;
        }
        if (slices.isEmpty()) {
            return;
        }
        var batch = TestSequence.batch(SamplerParams.GREEDY, -1, slices.toArray(Slice[]::new));
        float[][] rows = model.apply(batch);
        int row = 0;
        for (int i = 0; i < slices.size(); i++) {
            for (int t = 0; t < slices.get(i).count(); t++) {
                targets.get(i)[firsts.get(i) + t] = rows[row++];
            }
        }
    }
}
