package io.chasqui.backend;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.testing.TestSequence;
import io.chasqui.testing.TestSequence.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Every stage of a backend against a double reference, over random shapes. */
public abstract class StagesContract {

    /** What the stages of a pass left, for all tokens one after another. */
    public record Activations(
            float[] queries, float[] attention, float[] inner, float[] residual, float[] logits) {}

    /** A model to be run. */
    public record Trial(RandomModel model, KvDType dtype, int blockSize, int numBlocks) {}

    /** How many trials there are. */
    protected abstract int seeds();

    /** A trial's model. */
    protected abstract RandomModel model(long seed, SplittableRandom random);

    protected abstract KvDType dtype(SplittableRandom random);

    protected abstract int blockSize(SplittableRandom random);

    /** Tokens of the one sequence. */
    protected abstract int length(long seed, SplittableRandom random);

    /**
     * Largest error allowed, relative to the norm of a stage's result for one token, or for the
     * average one if that is larger: where terms cancel, what they were rounded by remains.
     */
    protected abstract double tolerance(KvDType dtype);

    /** The same over all tokens, most of which are better than the worst. */
    protected double meanTolerance(KvDType dtype) {
        return tolerance(dtype);
    }

    /** Runs one batch, for which the backend is made, and closes it. */
    protected abstract Activations run(Trial trial, ForwardBatch batch, SplittableRandom random);

    @Test
    void stagesAgreeWithDoubleArithmetic() {
        for (long seed = 0; seed < seeds(); seed++) {
            var random = new SplittableRandom(seed);
            var model = model(seed, random);
            var dtype = dtype(random);
            int length = length(seed, random);
            int blockSize = blockSize(random);
            int blocks = Math.ceilDiv(length, blockSize);
            int[] prompt = random.ints(length, 0, model.shape.vocab()).toArray();
            var sequence =
                    new TestSequence(
                            prompt, TestSequence.shuffledBlocks(blocks, random), blockSize);
            var batch =
                    TestSequence.batch(SamplerParams.GREEDY, -1, Slice.everyRow(sequence, length));
            var actual = run(new Trial(model, dtype, blockSize, blocks), batch, random);
            var what = "seed " + seed + ", " + dtype + ", length " + length + ", " + model.shape;
            compare(model, prompt, actual, dtype, what);
        }
    }

    private void compare(
            RandomModel model, int[] prompt, Activations actual, KvDType dtype, String what) {
        var reference = new DoubleLlama(model);
        var stages = Stage.of(actual);
        for (int t = 0; t < prompt.length; t++) {
            double[] logits = reference.next(prompt[t]);
            double[][] expected = {
                reference.queries, reference.attention, reference.inner, reference.residual, logits
            };
            for (int i = 0; i < stages.size(); i++) {
                stages.get(i).add(expected[i], t);
            }
        }
        for (var stage : stages) {
            stage.check(tolerance(dtype), meanTolerance(dtype), what);
        }
    }

    /** What a stage left, and how far it is off so far. */
    private static final class Stage {
        private final String name;
        private final float[] actual;
        private final List<Double> differences = new ArrayList<>();
        private final List<Double> norms = new ArrayList<>();

        private Stage(String name, float[] actual) {
            this.name = name;
            this.actual = actual;
        }

        static List<Stage> of(Activations actual) {
            return List.of(
                    new Stage("queries", actual.queries()),
                    new Stage("attention", actual.attention()),
                    new Stage("inner", actual.inner()),
                    new Stage("residual", actual.residual()),
                    new Stage("logits", actual.logits()));
        }

        void add(double[] expected, int token) {
            double difference = 0;
            for (int i = 0; i < expected.length; i++) {
                difference += Math.pow(expected[i] - actual[token * expected.length + i], 2);
            }
            differences.add(difference);
            norms.add(Arrays.stream(expected).map(v -> v * v).sum());
        }

        void check(double tolerance, double meanTolerance, String what) {
            double norm = norms.stream().mapToDouble(v -> v).sum();
            double average = norm / norms.size();
            for (int t = 0; t < norms.size(); t++) {
                close(
                        differences.get(t),
                        Math.max(norms.get(t), average),
                        tolerance,
                        what + ", token " + t);
            }
            close(differences.stream().mapToDouble(v -> v).sum(), norm, meanTolerance, what);
        }

        private void close(double difference, double norm, double tolerance, String what) {
            double error = Math.sqrt(difference / norm);
            assertTrue(error < tolerance, () -> what + ", " + name + ": relative error " + error);
        }
    }
}
