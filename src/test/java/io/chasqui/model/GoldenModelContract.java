package io.chasqui.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.DecoderStages;
import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.SamplerParams;
import io.chasqui.testing.GoldenVectors;
import io.chasqui.testing.SharedData;
import io.chasqui.testing.TestSequence;
import io.chasqui.testing.TestSequence.Slice;
import io.chasqui.testing.TinyModel;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Hidden states, logits and greedy continuations against those of transformers in float32. */
abstract class GoldenModelContract {
    /** A model of the golden folder, with room for 64 blocks. */
    abstract TinyModel load(String name);

    /** Numbers of the prompts that are run. */
    abstract int[] prompts();

    /** Largest error allowed, relative to the norm of the reference. */
    abstract double tolerance();

    /** Greedy ids are compared only up to the first step whose margin is below this. */
    abstract float minMargin();

    @ParameterizedTest
    @ValueSource(
            strings = {"tiny-llama31-f32", "tiny-llama31-bf16", "tiny-llama32-tied-bf16-sharded"})
    void hiddenStatesLogitsAndGreedyIdsAgree(String name) {
        var folder = SharedData.path("golden/" + name);
        try (var golden = GoldenVectors.open(folder.resolve("golden.safetensors"));
                var tiny = load(name)) {
            hiddenStates(tiny, golden);
            for (int i : prompts()) {
                logits(tiny, golden, i);
                greedy(tiny, golden, i);
            }
        }
    }

    private static TestSequence sequence(int[] prompt) {
        return TestSequence.contiguous(prompt, 0, 512, TinyModel.BLOCK_SIZE);
    }

    private void hiddenStates(TinyModel tiny, GoldenVectors golden) {
        int[] prompt = golden.ints("prompt_0");
        var batch =
                TestSequence.batch(
                        SamplerParams.GREEDY, -1, Slice.lastRow(sequence(prompt), prompt.length));
        for (int l = 0; l <= tiny.config().layers(); l++) {
            assertClose("hidden_0_" + l, golden, residualAfter(tiny, batch, l));
        }
    }

    private static float[] residualAfter(TinyModel tiny, ForwardBatch batch, int layers) {
        var weights = tiny.weights();
        var pass =
                tiny.backend()
                        .forward(
                                batch,
                                stages -> {
                                    stages.embed(weights.embedding(), weights.normAfter(0));
                                    for (int l = 0; l < layers; l++) {
                                        layer(stages, tiny, l);
                                    }
                                });
        return tiny.backend().readResidual(pass);
    }

    private static void layer(DecoderStages stages, TinyModel tiny, int index) {
        var layer = tiny.weights().layers().get(index);
        stages.qkvProjection(layer.qkv(), tiny.kvCache(), index);
        stages.attention(tiny.kvCache(), index);
        stages.outputProjection(layer.output(), layer.ffnNorm());
        stages.gateUp(layer.gateUp());
        stages.down(layer.down(), tiny.weights().normAfter(index + 1));
    }

    private void logits(TinyModel tiny, GoldenVectors golden, int i) {
        int[] prompt = golden.ints("prompt_" + i);
        var batch =
                TestSequence.batch(
                        SamplerParams.GREEDY, -1, Slice.everyRow(sequence(prompt), prompt.length));
        var logits = tiny.backend().readLogits(tiny.model().forward(batch));
        int[] rows = golden.ints("rows_" + i);
        int vocab = tiny.config().vocab();
        float[] wanted = new float[rows.length * vocab];
        for (int r = 0; r < rows.length; r++) {
            System.arraycopy(logits[rows[r]], 0, wanted, r * vocab, vocab);
        }
        assertClose("logits_" + i, golden, wanted);
    }

    private void greedy(TinyModel tiny, GoldenVectors golden, int i) {
        int[] expected = golden.ints("greedy_" + i);
        float[] margin = golden.floats("margin_" + i);
        var sequence = sequence(golden.ints("prompt_" + i));
        for (int step = 0; step < expected.length && margin[step] >= minMargin(); step++) {
            var batch =
                    TestSequence.batch(
                            SamplerParams.GREEDY, -1, Slice.lastRow(sequence, sequence.pending()));
            var token = tiny.model().sample(tiny.model().forward(batch), null).await()[0].token();
            assertEquals(expected[step], token, "prompt " + i + ", step " + step);
            sequence.append(token);
        }
    }

    private void assertClose(String name, GoldenVectors golden, float[] actual) {
        double error = relativeError(golden.floats(name), actual);
        assertTrue(error < tolerance(), () -> name + ": relative error " + error);
    }

    private static double relativeError(float[] expected, float[] actual) {
        assertEquals(expected.length, actual.length);
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow((double) expected[i] - actual[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        return Math.sqrt(difference / norm);
    }
}
