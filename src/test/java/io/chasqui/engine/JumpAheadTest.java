package io.chasqui.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.SamplerParams;
import io.chasqui.config.EngineConfig;
import io.chasqui.executor.HashExecutor;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.grammar.Grammar;
import io.chasqui.grammar.GrammarCompiler;
import io.chasqui.grammar.GrammarLimits;
import io.chasqui.grammar.GrammarSpec;
import io.chasqui.grammar.GrammarVocabulary;
import io.chasqui.testing.ByteTokenizer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class JumpAheadTest {
    private static final int BLOCKS = 256;

    private static final Grammar GRAMMAR =
            new GrammarCompiler(
                            new GrammarVocabulary(new ByteTokenizer("<end>"), EngineBed.EOS),
                            GrammarLimits.DEFAULT)
                    .compile(
                            new GrammarSpec.Regex(
                                    "\\{\"location\":\"[a-z]{1,9}\",\"unit\":\"(celsius|kelvin)\"\\}"));

    /** What came of a request. */
    private record Outcome(
            List<Integer> tokens,
            List<Float> logprobs,
            String text,
            FinishReason finish,
            Object stopReason,
            RequestOutput.Usage usage) {}

    /** Counts passes and what they compute. */
    private static final class Passes implements ModelExecutor {
        private final ModelExecutor executor = new HashExecutor(BLOCKS, 4, 257);
        private final List<Integer> lengths = new ArrayList<>();
        private int rows;

        @Override
        public StepHandle execute(ForwardBatch batch) {
            lengths.add(batch.numTokens());
            rows += batch.rows().length;
            return executor.execute(batch);
        }

        @Override
        public void close() {}
    }

    private static SamplingParams params(
            int n, int maxTokens, int minTokens, List<String> stop, int numLogprobs) {
        return new SamplingParams(
                n,
                maxTokens,
                minTokens,
                stop,
                Set.of(),
                false,
                false,
                11,
                numLogprobs,
                -1,
                new SamplerParams(0, 1, 0, 0, 1.1f, 0, 0, new int[0], new float[0]),
                GRAMMAR);
    }

    private static EngineConfig config(boolean jumpAhead, int maxTokens) {
        return new EngineConfig(
                1000,
                8,
                maxTokens,
                BLOCKS,
                4,
                100,
                10_000,
                Duration.ofSeconds(30),
                true,
                jumpAhead,
                3,
                Duration.ofMillis(500));
    }

    private final List<Long> generated = new ArrayList<>();

    private List<Outcome> run(
            boolean jumpAhead, int maxTokens, SamplingParams params, Passes passes) {
        var sum = new long[1];
        var listener =
                new EngineListener() {
                    @Override
                    public void onStep(StepStats stats) {
                        sum[0] += stats.generatedTokens();
                    }
                };
        var bed = new EngineBed(config(jumpAhead, maxTokens), passes, listener, 128);
        int[] prompt = new SplittableRandom(3).ints(21, 0, 256).toArray();
        var answer = bed.submit(EngineBed.request("r", prompt, params));
        bed.run();
        generated.add(sum[0]);
        assertEquals(BLOCKS, bed.loop.kvCache().numFreeBlocks());
        var outputs = answer.drain();
        var outcomes = new ArrayList<Outcome>();
        for (int choice = 0; choice < params.n(); choice++) {
            int index = choice;
            var mine = outputs.stream().filter(o -> o.choice() == index).toList();
            var last = mine.getLast();
            outcomes.add(
                    new Outcome(
                            EngineBed.tokens(mine, choice),
                            mine.stream()
                                    .flatMap(o -> o.tokens().stream())
                                    .map(TokenOutput::logprob)
                                    .toList(),
                            EngineBed.text(mine, choice),
                            last.finish(),
                            last.stopReason(),
                            last.usage()));
        }
        return outcomes;
    }

    /** The same with and without, the one in fewer passes. */
    private Outcome same(int maxTokens, SamplingParams params) {
        var with = new Passes();
        var without = new Passes();
        var outcomes = run(true, maxTokens, params, with);
        assertEquals(run(false, maxTokens, params, without), outcomes);
        assertTrue(with.rows < without.rows, with.rows + " rows, and " + without.rows);
        assertTrue(with.lengths.size() < without.lengths.size(), with.lengths.toString());
        assertEquals(generated.get(1), generated.get(0));
        return outcomes.getFirst();
    }

    @Test
    void forcedTextIsComputedInOnePass() {
        var passes = new Passes();
        var outcome = run(true, 1000, params(1, 200, 0, List.of(), -1), passes).getFirst();
        assertEquals(FinishReason.STOP, outcome.finish());
        // The prompt; the rest of {"location":" ; a letter each, and by the quote what follows it.
        int letters = outcome.text().indexOf('"', 13) - 13;
        assertEquals(21, passes.lengths.get(0));
        assertEquals("{\"location\":\"".length(), passes.lengths.get(1));
        assertTrue(passes.lengths.contains("\",\"unit\":\"".length()), passes.lengths.toString());
        assertEquals(2 + letters + 1, passes.rows, passes.lengths + " for " + outcome.text());
    }

    @Test
    void answersAreTheSameWithAndWithout() {
        assertEquals(FinishReason.STOP, same(1000, params(1, 200, 0, List.of(), -1)).finish());
        same(1000, params(4, 200, 0, List.of(), -1));
    }

    @Test
    void forcedTextIsComputedInChunksWhereAStepHasNoRoom() {
        same(7, params(3, 200, 0, List.of(), -1));
    }

    @Test
    void aLimitWithinForcedTextEndsTheAnswerThere() {
        for (int maxTokens = 2; maxTokens < 30; maxTokens++) {
            var outcome = same(1000, params(1, maxTokens, 0, List.of(), -1));
            assertEquals(maxTokens, outcome.tokens().size());
            assertEquals(FinishReason.LENGTH, outcome.finish());
        }
    }

    @Test
    void aStopStringWithinForcedTextEndsTheAnswerThere() {
        var outcome = same(1000, params(2, 200, 0, List.of("catio"), -1));
        assertEquals("{\"lo", outcome.text());
        assertEquals("catio", outcome.stopReason());
        assertEquals("{\"locatio".length(), outcome.usage().completionTokens());
    }

    @Test
    void logprobsAreThoseOfRowsThatWereComputed() {
        var passes = new Passes();
        var params = params(1, 200, 0, List.of(), 0);
        var outcome = run(true, 1000, params, passes).getFirst();
        assertEquals(outcome.tokens().size(), passes.rows);
        assertEquals(run(false, 1000, params, new Passes()).getFirst(), outcome);
    }

    @Test
    void tokensThatMinTokensMayBanAreSampled() {
        var passes = new Passes();
        var params = params(1, 200, 12, List.of(), -1);
        var outcome = run(true, 1000, params, passes).getFirst();
        assertEquals(run(false, 1000, params, new Passes()).getFirst(), outcome);
        assertEquals(21, passes.lengths.get(0));
        for (int pass = 1; pass < 12; pass++) {
            assertEquals(1, passes.lengths.get(pass), passes.lengths.toString());
        }
        assertTrue(passes.rows < outcome.tokens().size());
    }
}
