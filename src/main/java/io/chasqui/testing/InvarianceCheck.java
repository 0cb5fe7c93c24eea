package io.chasqui.testing;

import io.chasqui.backend.Backend;
import io.chasqui.backend.KvDType;
import io.chasqui.model.Checkpoint;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.LongConsumer;

/**
 * A token's logits have the same bits alone and in any company: random batches, chunks and pages,
 * with NaN in every page beforehand.
 */
public final class InvarianceCheck {
    private static final int MAX_TOKENS = 256;
    private static final int MOST_SEQUENCES = 6;
    private static final int LONGEST = 600;
    private static final int BLOCKS_EACH = Math.ceilDiv(LONGEST, BackendUnderTest.BLOCK_SIZE);

    private InvarianceCheck() {}

    /**
     * What the trials came to.
     *
     * @param differing trials in which a bit differed
     */
    public record Result(int trials, int differing, long seed) {}

    /**
     * Runs trials; each compares one sequence alone with itself in company.
     *
     * @param backend the subject, closed at the end
     * @param progress hears how many are done
     */
    public static Result run(
            Checkpoint checkpoint, Backend backend, int trials, long seed, LongConsumer progress) {
        int blocks = BLOCKS_EACH * MOST_SEQUENCES;
        int differing = 0;
        try (var model =
                BackendUnderTest.load(checkpoint, backend, KvDType.BF16, MAX_TOKENS, blocks)) {
            for (int trial = 0; trial < trials; trial++) {
                differing += holds(model, new SplittableRandom(seed + trial)) ? 0 : 1;
                progress.accept(trial + 1L);
            }
        }
        return new Result(trials, differing, seed);
    }

    private static boolean holds(BackendUnderTest model, SplittableRandom random) {
        int vocab = model.model().config().vocab();
        var prompts = new int[1 + random.nextInt(MOST_SEQUENCES)][];
        for (int s = 0; s < prompts.length; s++) {
            int longest = random.nextInt(4) == 0 ? LONGEST : 60;
            prompts[s] = random.ints(1 + random.nextInt(longest), 0, vocab).toArray();
        }
        int[][] one = {prompts[random.nextInt(prompts.length)]};
        var alone = new RandomSteps(random.split(), MAX_TOKENS, BLOCKS_EACH);
        var together = new RandomSteps(random.split(), MAX_TOKENS, BLOCKS_EACH);
        poison(model);
        float[][] expected = alone.run(one, model::logits)[0];
        poison(model);
        float[][][] actual = together.run(prompts, model::logits);
        for (int s = 0; s < prompts.length; s++) {
            if (prompts[s] == one[0]) {
                return Arrays.deepEquals(bits(expected), bits(actual[s]));
            }
        }
        throw new IllegalStateException("the sequence is not in its company");
    }

    private static void poison(BackendUnderTest model) {
        for (int block = 0; block < model.cache().numBlocks(); block++) {
            model.cache().poison(block);
        }
    }

    static int[][] bits(float[][] rows) {
        return Arrays.stream(rows)
                .map(
                        row -> {
                            var bits = new int[row.length];
                            Arrays.setAll(bits, i -> Float.floatToRawIntBits(row[i]));
                            return bits;
                        })
                .toArray(int[][]::new);
    }
}
