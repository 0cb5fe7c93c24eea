package io.chasqui.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.SamplerParams;
import io.chasqui.executor.HashExecutor;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.executor.ScriptedExecutor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class EngineLoopTest {

    private static int[] prompt(long seed, int length) {
        return new SplittableRandom(seed).ints(length, 0, 256).toArray();
    }

    private static List<RequestOutput> alone(GenerationRequest request) {
        var config = EngineBed.config(256, 4, 8, 1000);
        var bed = new EngineBed(config, new HashExecutor(256, 4, 256));
        var answer = bed.submit(request);
        bed.run();
        return answer.drain();
    }

    @Test
    void requestsInABatchGetTheTokensTheyGetAlone() {
        var bed = new EngineBed(EngineBed.config(64, 4, 8, 16), new HashExecutor(64, 4, 256));
        var requests = new ArrayList<GenerationRequest>();
        var answers = new ArrayList<EngineBed.Answer>();
        for (int i = 0; i < 10; i++) {
            var request =
                    EngineBed.request(
                            "r" + i, prompt(i % 4, 5 + 3 * i), EngineBed.params(1, 12, i));
            requests.add(request);
            answers.add(bed.submit(request));
        }
        bed.run();
        for (int i = 0; i < requests.size(); i++) {
            var got = answers.get(i).drain();
            assertEquals(
                    EngineBed.tokens(alone(requests.get(i)), 0), EngineBed.tokens(got, 0), "r" + i);
            assertEquals(FinishReason.LENGTH, got.getLast().finish());
            assertEquals(12, got.getLast().usage().completionTokens());
        }
        assertEquals(64, bed.loop.kvCache().numFreeBlocks());
        assertEquals(0, bed.admission.requests());
        assertEquals(0, bed.admission.tokens());
        bed.loop.kvCache().checkIntegrity(List.of());
    }

    @Test
    void preemptedRequestKeepsItsTokens() {
        var preempted = new int[1];
        var listener =
                new EngineListener() {
                    @Override
                    public void onStep(StepStats stats) {
                        preempted[0] += stats.preemptions();
                    }
                };
        var bed =
                new EngineBed(
                        EngineBed.config(12, 4, 8, 64),
                        new HashExecutor(12, 4, 256),
                        listener,
                        128);
        var requests = new ArrayList<GenerationRequest>();
        var answers = new ArrayList<EngineBed.Answer>();
        for (int i = 0; i < 4; i++) {
            requests.add(EngineBed.request("r" + i, prompt(i, 6), EngineBed.params(1, 24, i)));
            answers.add(bed.submit(requests.get(i)));
        }
        bed.run();
        assertTrue(preempted[0] > 0, "the pool was not small enough to preempt");
        for (int i = 0; i < 4; i++) {
            assertEquals(
                    EngineBed.tokens(alone(requests.get(i)), 0),
                    EngineBed.tokens(answers.get(i).drain(), 0));
        }
    }

    @Test
    void siblingsShareThePromptEvenWhenAdmittedInOneStep() {
        var bed = new EngineBed(EngineBed.config(64, 4, 8, 1000), new HashExecutor(64, 4, 256));
        var request = EngineBed.request("r", prompt(1, 20), EngineBed.params(3, 5, 9));
        var answer = bed.submit(request);
        bed.loop.step();
        // 20 tokens: 5 blocks, of which 4 can be shared (one token is always computed)
        assertEquals(
                5 + 1 + 1, bed.loop.kvCache().numBlocks() - bed.loop.kvCache().numFreeBlocks());
        bed.run();
        var got = answer.drain();
        var expected = alone(request);
        for (int choice = 0; choice < 3; choice++) {
            assertEquals(EngineBed.tokens(expected, choice), EngineBed.tokens(got, choice));
        }
        assertEquals(
                16,
                got.stream()
                        .filter(o -> o.choice() == 2 && o.last())
                        .findFirst()
                        .orElseThrow()
                        .usage()
                        .cachedTokens());
    }

    @Test
    void answerEndsAtAStopStringAcrossTokens() {
        var bed =
                new EngineBed(
                        EngineBed.config(16, 4, 4, 100),
                        new ScriptedExecutor('o', 'n', 'e', ' ', 't', 'w', 'o', '!'));
        var params =
                new SamplingParams(
                        1,
                        30,
                        0,
                        List.of("two"),
                        Set.of(),
                        false,
                        false,
                        1,
                        -1,
                        -1,
                        SamplerParams.GREEDY);
        var answer = bed.submit(EngineBed.request("r", new int[] {1, 2, 3}, params));
        bed.run();
        var got = answer.drain();
        assertEquals("one ", EngineBed.text(got, 0));
        assertEquals(FinishReason.STOP, got.getLast().finish());
        assertEquals("two", got.getLast().stopReason());
        assertEquals(7, got.getLast().usage().completionTokens());
        assertEquals(
                List.of(
                        (int) 'o', (int) 'n', (int) 'e', (int) ' ', (int) 't', (int) 'w',
                        (int) 'o'),
                EngineBed.tokens(got, 0));
    }

    @Test
    void endTokenEndsTheAnswerWithoutText() {
        var bed =
                new EngineBed(
                        EngineBed.config(16, 4, 4, 100),
                        new ScriptedExecutor('h', 'i', EngineBed.EOS));
        var params =
                new SamplingParams(
                        1,
                        30,
                        0,
                        List.of(),
                        Set.of(),
                        false,
                        false,
                        1,
                        -1,
                        -1,
                        SamplerParams.GREEDY);
        var answer = bed.submit(EngineBed.request("r", new int[] {1}, params));
        bed.run();
        var got = answer.drain();
        assertEquals("hi", EngineBed.text(got, 0));
        assertEquals(FinishReason.STOP, got.getLast().finish());
        assertNull(got.getLast().stopReason());
        assertEquals(3, got.getLast().usage().completionTokens());
    }

    @Test
    void aPoisonousRequestFailsAloneAndItsMatesAreUnharmed() {
        var hash = new HashExecutor(64, 4, 256);
        ModelExecutor poisoned =
                new ModelExecutor() {
                    @Override
                    public StepHandle execute(io.chasqui.backend.ForwardBatch batch) {
                        for (int token : batch.tokens()) {
                            if (token == 255) {
                                throw new IllegalStateException("poison");
                            }
                        }
                        return hash.execute(batch);
                    }

                    @Override
                    public void close() {}
                };
        var bed = new EngineBed(EngineBed.config(64, 4, 8, 1000), poisoned);
        var good = new ArrayList<GenerationRequest>();
        var answers = new ArrayList<EngineBed.Answer>();
        int[] shared = {1, 2, 3, 4, 5, 6, 7, 255, 9};
        var bad = bed.submit(EngineBed.request("bad", shared, EngineBed.params(1, 5, 0)));
        for (int i = 0; i < 5; i++) {
            var request =
                    EngineBed.request("g" + i, prompt(i, 9).clone(), EngineBed.params(1, 1, i));
            for (int j = 0; j < request.promptTokens().length; j++) {
                request.promptTokens()[j] &= 0x7f;
            }
            good.add(request);
            answers.add(bed.submit(request));
        }
        bed.run();
        assertEquals(EngineError.Kind.POISON, bad.drain().getLast().error().kind());
        for (int i = 0; i < good.size(); i++) {
            assertEquals(
                    EngineBed.tokens(alone(good.get(i)), 0),
                    EngineBed.tokens(answers.get(i).drain(), 0));
        }
        assertEquals(64, bed.loop.kvCache().numFreeBlocks());
    }

    @Test
    void requestThatWaitsTooLongIsGivenUp() {
        var bed = new EngineBed(EngineBed.config(16, 4, 1, 100), new HashExecutor(16, 4, 256));
        var first = bed.submit(EngineBed.request("a", prompt(1, 4), EngineBed.params(1, 50, 1)));
        var second =
                bed.submit(
                        EngineBed.request("b", prompt(2, 4), EngineBed.params(1, 50, 1))
                                .withQueueTimeout(Duration.ofMillis(5)));
        bed.run();
        assertEquals(EngineError.Kind.QUEUE_TIMEOUT, second.drain().getLast().error().kind());
        assertNotNull(first.drain().getLast().finish());
        assertEquals(0, bed.admission.requests());
    }

    @Test
    void scoredPromptYieldsOneEntryPerPromptTokenTheFirstWithoutLogprob() {
        var bed = new EngineBed(EngineBed.config(64, 4, 4, 7), new HashExecutor(64, 4, 256));
        var params =
                new SamplingParams(
                        1, 2, 0, List.of(), Set.of(), true, false, 1, 0, 0, SamplerParams.GREEDY);
        var answer = bed.submit(EngineBed.request("r", prompt(3, 40), params));
        bed.run();
        var got = answer.drain();
        var scored = got.getFirst().promptTokens();
        assertEquals(40, scored.size());
        var expected = prompt(3, 40);
        for (int i = 0; i < 40; i++) {
            assertEquals(expected[i], scored.get(i).token());
            assertEquals(i == 0, Float.isNaN(scored.get(i).logprob()));
        }
        assertEquals(2, EngineBed.tokens(got, 0).size());
    }
}
