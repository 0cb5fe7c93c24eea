package io.chasqui.backend.cpu;

import io.chasqui.backend.LogitsRow;
import io.chasqui.backend.SampledToken;
import io.chasqui.backend.SamplerParams;
import java.util.random.RandomGenerator;
import jdk.incubator.vector.FloatVector;

/** Rows of logits, and ways to sample them. */
public final class RandomLogits {
    private static final int[] NONE = {};

    private RandomLogits() {}

    public static float[] logits(RandomGenerator random, int vocab, double spread) {
        float[] x = new float[vocab];
        for (int i = 0; i < vocab; i++) {
            x[i] = (float) (random.nextGaussian() * spread);
            if (random.nextInt(4) == 0) {
                x[i] = Math.round(x[i]); // equal logits, so that ties occur
            }
        }
        return x;
    }

    /** Any combination of filters, penalties, bias and bans. */
    public static LogitsRow row(RandomGenerator random, int vocab) {
        int[] history = new int[random.nextInt(40)];
        for (int i = 0; i < history.length; i++) {
            history[i] = random.nextInt(vocab);
        }
        int[] bias = random.ints(random.nextInt(4), 0, vocab).distinct().sorted().toArray();
        float[] values = new float[bias.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (random.nextGaussian() * 5);
        }
        boolean penalties = random.nextBoolean();
        var params =
                new SamplerParams(
                        random.nextInt(6) == 0 ? 0 : 0.3f + 1.5f * random.nextFloat(),
                        random.nextInt(3) == 0
                                ? 1
                                : random.nextInt(8) == 0 ? 0 : random.nextFloat(),
                        random.nextInt(2) == 0 ? 0 : 1 + random.nextInt(2 * vocab),
                        random.nextInt(2) == 0 ? 0 : random.nextFloat() * 0.3f,
                        penalties ? 0.5f + random.nextFloat() : 1,
                        penalties ? random.nextFloat() * 4 - 2 : 0,
                        penalties ? random.nextFloat() * 4 - 2 : 0,
                        bias,
                        values);
        int prompt = history.length == 0 ? 0 : random.nextInt(history.length);
        int[] banned = random.nextInt(3) == 0 ? new int[] {random.nextInt(vocab)} : NONE;
        return new LogitsRow(
                0,
                LogitsRow.SAMPLE,
                params,
                random.nextLong(),
                random.nextInt(4),
                random.nextInt(1000),
                history,
                prompt,
                history.length,
                banned,
                -1);
    }

    public static long[] mask(RandomGenerator random, int vocab) {
        long[] mask = new long[Math.ceilDiv(vocab, 64)];
        for (int i = 0; i < mask.length; i++) {
            mask[i] = random.nextLong() & random.nextLong();
        }
        mask[0] |= 1;
        return mask;
    }

    /** What the CPU backend makes of a row. */
    public static SampledToken sampledByCpu(float[] logits, LogitsRow row, long[] mask) {
        var kernels = Kernels.vector(FloatVector.SPECIES_PREFERRED);
        return new RowSampler(kernels, logits.length).sample(logits, 0, row, mask);
    }
}
