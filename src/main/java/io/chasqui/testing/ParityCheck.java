package io.chasqui.testing;

import io.chasqui.backend.Backend;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.SamplerParams;
import io.chasqui.model.Checkpoint;
import io.chasqui.testing.TestSequence.Slice;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * A checkpoint's logits and greedy continuations against those that another implementation left in
 * {@code golden.safetensors} beside it: {@code prompt_i}, {@code rows_i} (positions), {@code
 * logits_i}, {@code greedy_i}, {@code margin_i} (of the likeliest logit over the next).
 */
public final class ParityCheck {
    private static final int MAX_TOKENS = 512;
    private static final int LONGEST = 1024;

    /** What BF16 activations may come to in a row of logits, relative to its norm. */
    private static final double TOLERANCE = 0.03;

    private ParityCheck() {}

    /**
     * @param rows of logits compared
     * @param worstRelativeError greatest ‖ours − reference‖ / ‖reference‖ of a row
     * @param greedyCompared greedy steps whose margin exceeds what the tolerance can turn
     * @param greedyEqual of these, those with the same token
     */
    public record Result(
            int prompts,
            int rows,
            double worstRelativeError,
            double tolerance,
            int greedyCompared,
            int greedyEqual) {
        public boolean passed() {
            return worstRelativeError < tolerance && greedyEqual == greedyCompared;
        }
    }

    /**
     * @param folder the checkpoint
     * @param backend the subject, closed at the end
     */
    public static Result run(Path folder, Backend backend) {
        int blocks = Math.ceilDiv(LONGEST, BackendUnderTest.BLOCK_SIZE);
        try (var checkpoint = Checkpoint.open(folder);
                var golden = GoldenVectors.open(folder.resolve("golden.safetensors"));
                var model =
                        BackendUnderTest.load(
                                checkpoint, backend, KvDType.BF16, MAX_TOKENS, blocks)) {
            return new Comparison(model, golden).run();
        }
    }

    private static final class Comparison {
        private final BackendUnderTest model;
        private final GoldenVectors golden;
        private int rows;
        private double worst;
        private int compared;
        private int equal;

        Comparison(BackendUnderTest model, GoldenVectors golden) {
            this.model = model;
            this.golden = golden;
        }

        Result run() {
            int prompts = 0;
            for (; golden.has("prompt_" + prompts); prompts++) {
                logits(prompts);
                greedy(prompts);
            }
            return new Result(prompts, rows, worst, TOLERANCE, compared, equal);
        }

        private TestSequence sequence(int prompt) {
            return TestSequence.contiguous(
                    golden.ints("prompt_" + prompt), 0, LONGEST, BackendUnderTest.BLOCK_SIZE);
        }

        private void logits(int prompt) {
            var sequence = sequence(prompt);
            var batch =
                    TestSequence.batch(
                            SamplerParams.GREEDY, -1, Slice.everyRow(sequence, sequence.pending()));
            float[][] actual = model.logits(batch);
            float[] expected = golden.floats("logits_" + prompt);
            int vocab = model.model().config().vocab();
            int[] positions = golden.ints("rows_" + prompt);
            for (int i = 0; i < positions.length; i++, rows++) {
                float[] row = Arrays.copyOfRange(expected, i * vocab, (i + 1) * vocab);
                worst = Math.max(worst, SelfTest.relativeError(row, actual[positions[i]]));
            }
        }

        /** Follows the reference, so that a step compared is of the same tokens. */
        private void greedy(int prompt) {
            var sequence = sequence(prompt);
            int[] expected = golden.ints("greedy_" + prompt);
            float[] margin = golden.floats("margin_" + prompt);
            for (int step = 0; step < expected.length; step++) {
                var batch =
                        TestSequence.batch(
                                SamplerParams.GREEDY,
                                -1,
                                Slice.lastRow(sequence, sequence.pending()));
                var pass = model.model().forward(batch);
                float[] logits = model.backend().readLogits(pass)[0];
                int token = model.model().sample(pass, null).await()[0].token();
                if (margin[step] > 2 * TOLERANCE * rootMeanSquare(logits)) {
                    compared++;
                    equal += token == expected[step] ? 1 : 0;
                }
                sequence.append(expected[step]);
            }
        }

        private static double rootMeanSquare(float[] x) {
            double sum = 0;
            for (float value : x) {
                sum += (double) value * value;
            }
            return Math.sqrt(sum / x.length);
        }
    }
}
