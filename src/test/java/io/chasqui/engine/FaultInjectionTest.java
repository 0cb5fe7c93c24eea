package io.chasqui.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.SampledToken;
import io.chasqui.executor.HashExecutor;
import io.chasqui.executor.ModelExecutor;
import io.chasqui.grammar.BrokenGrammars;
import io.chasqui.grammar.Grammar;
import io.chasqui.kvcache.FaultyBlockHasher;
import io.chasqui.testing.ByteTokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Throws at each guarded step of one request, at each of its tokens, with room for all and with a
 * pool so small that requests are preempted, read as it comes and read at the end. Only that
 * request may fail.
 */
class FaultInjectionTest {
    private static final int BLOCK = 4;
    private static final int PROMPT = 14;
    private static final int ANSWER = 12;
    private static final long VICTIM = 4711;
    private static final int CURSED_TOKEN = 199;
    private static final int NO_TEXT = 300;
    private static final String CURSED_KEY = "cursed";
    private static final int[] ALPHABET = IntStream.range(0, 100).toArray();

    enum Step {
        ADMISSION(null),
        SCHEDULING(EngineError.Kind.INTERNAL),
        FORWARD(EngineError.Kind.POISON),
        SAMPLE(EngineError.Kind.POISON),
        AWAIT(EngineError.Kind.POISON),
        MASK(EngineError.Kind.INTERNAL),
        ADVANCE(EngineError.Kind.INTERNAL),
        NUMBERS(EngineError.Kind.NUMERICAL),
        OUTPUT(EngineError.Kind.INTERNAL),
        LISTENER(null),
        READER(null);

        /** How the request ends, or null when it is not in its answer that one sees the fault. */
        final EngineError.Kind end;

        Step(EngineError.Kind end) {
            this.end = end;
        }
    }

    @BeforeAll
    static void silence() {
        EngineLog.silence();
    }

    @AfterAll
    static void speak() {
        EngineLog.speak();
    }

    @ParameterizedTest
    @EnumSource(Step.class)
    void onlyTheRequestItConcernsFails(Step step) {
        for (int at = 0; at < PROMPT + ANSWER; at++) {
            for (int blocks : new int[] {12, 200}) {
                for (int way = 0; way < 4; way++) {
                    new Case(step, at, blocks, (way & 1) == 0, (way & 2) == 0).run();
                }
            }
        }
    }

    /** One request to be hurt, at the token {@code at}, between three others. */
    private record Case(Step step, int at, int blocks, boolean streams, boolean pipelined) {

        void run() {
            var hash = new HashExecutor(blocks, BLOCK, ALPHABET);
            var config = EngineBed.config(blocks, BLOCK, 8, 7);
            var admission = new Admission(config);
            var now = new long[1];
            var loop =
                    new EngineLoop(
                            config,
                            executor(hash),
                            new CursedTokenizer(new ByteTokenizer("<end>"), NO_TEXT),
                            Set.of(EngineBed.EOS),
                            listener(),
                            () -> now[0],
                            admission,
                            new FaultyBlockHasher(BLOCK, 128, CURSED_TOKEN, CURSED_KEY));
            var requests = new ArrayList<GenerationRequest>();
            var answers = new ArrayList<List<RequestOutput>>();
            var buffers = new ArrayList<OutputBuffer>();
            for (int i = 0; i < 5; i++) {
                boolean late = i == 4;
                for (int s = 0; late && s < 200 && loop.hasWork(); s++) {
                    loop.step();
                    now[0] += 1_000_000;
                    if (streams) {
                        read(buffers, answers);
                    }
                }
                var request = request(i);
                boolean hurt = i == 1;
                var buffer = new OutputBuffer(hurt && step == Step.READER ? this::fail : () -> {});
                if (hurt && step == Step.ADMISSION) {
                    assertThrows(IllegalStateException.class, () -> loop.newGroup(request, buffer));
                    continue;
                }
                requests.add(request);
                buffers.add(buffer);
                answers.add(new ArrayList<>());
                var group = loop.newGroup(request, buffer);
                admission.charge(request, 1);
                loop.add(group);
            }
            for (int s = 0; s < 500 && loop.hasWork(); s++) {
                loop.step();
            }
            read(buffers, answers);
            for (int i = 0; i < requests.size(); i++) {
                check(requests.get(i), answers.get(i));
            }
            assertEquals(blocks, loop.kvCache().numFreeBlocks(), toString());
            assertEquals(0, admission.requests(), toString());
            assertEquals(0, loop.numGroups() + loop.numExpiries(), toString());
        }

        private static void read(List<OutputBuffer> buffers, List<List<RequestOutput>> answers) {
            for (int i = 0; i < buffers.size(); i++) {
                var buffer = buffers.get(i);
                for (var o = buffer.poll(); o != null; o = buffer.poll()) {
                    answers.get(i).add(o);
                }
            }
        }

        private void check(GenerationRequest request, List<RequestOutput> answer) {
            var context = this + " " + request.id() + " " + answer;
            var expected = ReferenceAnswer.of(mended(request), 0, ALPHABET, Set.of(EngineBed.EOS));
            assertTrue(answer.getLast().last(), context);
            assertEquals(1, answer.stream().filter(RequestOutput::last).count(), context);
            var tokens = EngineBed.tokens(answer, 0);
            var error = answer.getLast().error();
            if (request.params().seed() == VICTIM && mustFail()) {
                assertEquals(step.end, error == null ? null : error.kind(), context);
                assertEquals(expected.tokens().subList(0, tokens.size()), tokens, context);
                return;
            }
            assertEquals(null, error, context);
            assertEquals(expected.tokens(), tokens, context);
            assertEquals(expected.text(), EngineBed.text(answer, 0), context);
        }

        /** Some steps exist only for tokens of the prompt, or of the answer. */
        private boolean mustFail() {
            return step.end != null
                    && switch (step) {
                        case SCHEDULING -> at < PROMPT;
                        case NUMBERS, OUTPUT, MASK, ADVANCE -> at >= PROMPT;
                        default -> true;
                    };
        }

        private GenerationRequest request(int i) {
            boolean hurt = i == 1;
            // All share their first block, and two of them more.
            var prompt = new SplittableRandom(i / 2).ints(PROMPT, 0, 100).toArray();
            System.arraycopy(new int[] {1, 2, 3, 4}, 0, prompt, 0, BLOCK);
            if (hurt && step == Step.SCHEDULING && at < PROMPT) {
                prompt[at] = CURSED_TOKEN;
            }
            return new GenerationRequest(
                    "r" + i,
                    prompt,
                    params(hurt ? VICTIM : i, grammar(i)),
                    0,
                    hurt && step == Step.ADMISSION ? CURSED_KEY : "",
                    "",
                    null,
                    null);
        }

        /** The one before the victim answers by a grammar as well. */
        private Grammar grammar(int i) {
            if (i != 1 || at < PROMPT) {
                return i == 0 ? BrokenGrammars.whole() : null;
            }
            return switch (step) {
                case MASK -> BrokenGrammars.inMask(at - PROMPT);
                case ADVANCE -> BrokenGrammars.inAdvance(at - PROMPT);
                default -> null;
            };
        }

        private static SamplingParams params(long seed, Grammar grammar) {
            var free = EngineBed.params(1, ANSWER, seed);
            return new SamplingParams(
                    free.n(),
                    free.maxTokens(),
                    free.minTokens(),
                    free.stop(),
                    free.stopTokenIds(),
                    free.ignoreEos(),
                    free.includeStopText(),
                    free.seed(),
                    free.numLogprobs(),
                    free.numPromptLogprobs(),
                    free.sampler(),
                    grammar);
        }

        private static GenerationRequest mended(GenerationRequest request) {
            var grammar = request.params().grammar() == null ? null : BrokenGrammars.whole();
            return new GenerationRequest(
                    request.id(),
                    request.promptTokens(),
                    params(request.params().seed(), grammar),
                    0,
                    "",
                    "",
                    null,
                    null);
        }

        private void fail() {
            throw new IllegalStateException("injected: " + step);
        }

        private EngineListener listener() {
            return new EngineListener() {
                @Override
                public void onStep(StepStats stats) {
                    if (step == Step.LISTENER) {
                        fail();
                    }
                }

                @Override
                public void onFinished(RequestStats stats) {
                    if (step == Step.LISTENER) {
                        throw new StackOverflowError("injected: listener");
                    }
                }
            };
        }

        private ModelExecutor executor(HashExecutor hash) {
            return new ModelExecutor() {
                @Override
                public StepHandle execute(ForwardBatch batch) {
                    boolean hurt = isHurt(batch);
                    if (hurt && step == Step.FORWARD) {
                        hash.scribble(batch);
                        fail();
                    }
                    var running = hash.execute(batch);
                    return masks -> {
                        if (hurt && step == Step.SAMPLE) {
                            fail();
                        }
                        var sampled = spoil(batch, running.sample(masks).await());
                        return () -> {
                            if (hurt && step == Step.AWAIT) {
                                fail();
                            }
                            return sampled;
                        };
                    };
                }

                @Override
                public boolean pipelined() {
                    return pipelined;
                }

                @Override
                public void close() {}
            };
        }

        /** Whether the batch samples the token in question, or one after it. */
        private boolean isHurt(ForwardBatch batch) {
            for (var row : batch.rows()) {
                if (row.seed() == VICTIM && row.historyLength() >= at) {
                    return true;
                }
            }
            return false;
        }

        private SampledToken[] spoil(ForwardBatch batch, SampledToken[] sampled) {
            for (int i = 0; i < sampled.length; i++) {
                var row = batch.rows()[i];
                var t = sampled[i];
                if (row.seed() != VICTIM || row.historyLength() != at) {
                    continue;
                }
                if (step == Step.NUMBERS) {
                    sampled[i] = new SampledToken(t.token(), Float.NaN, NONE, NO_FLOATS, false);
                } else if (step == Step.OUTPUT) {
                    sampled[i] = new SampledToken(NO_TEXT, 0, NONE, NO_FLOATS, true);
                }
            }
            return sampled;
        }
    }

    private static final int[] NONE = {};
    private static final float[] NO_FLOATS = {};
}
