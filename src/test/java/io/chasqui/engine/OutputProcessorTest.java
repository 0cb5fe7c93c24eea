package io.chasqui.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.SampledToken;
import io.chasqui.backend.SamplerParams;
import io.chasqui.testing.ByteTokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class OutputProcessorTest {
    private static final int CASES = 20_000;
    private static final int[] ALPHABET = {'a', 'b', 0xC3, 0xA9, 0xF0, 0x9F, 0x98, 0x80, 256};
    private static final String[] STOPS = {"ab", "ba", "aab", "éa", "a", "\uFFFD", "bbbb", "😀"};
    private static final Set<Integer> END = Set.of(256);

    @Test
    void allTextAndAllTokensGoOutAndNoTokenBeforeItsText() {
        for (long seed = 0; seed < CASES; seed++) {
            var random = new SplittableRandom(seed);
            var request = EngineBed.request("r", random.ints(5, 0, 256).toArray(), params(random));
            var expected = ReferenceAnswer.of(request, 0, ALPHABET, END);
            var output = new OutputProcessor(request.params(), new ByteTokenizer("<end>"), END);
            var context = "seed " + seed + " " + request.params() + " " + expected;
            var text = new StringBuilder();
            var tokens = new ArrayList<Integer>();
            for (int i = 0; i < expected.tokens().size(); i++) {
                assertNull(output.finish(), context);
                var token = expected.tokens().get(i);
                output.append(sampled(token), i + 1, false, false);
                boolean last = i + 1 == expected.tokens().size();
                if (last || random.nextBoolean()) {
                    take(output, text, tokens);
                    assertTrue(
                            last || text.toString().startsWith(whole(tokens)),
                            context + ": " + tokens + " are out, but only '" + text + "'");
                }
            }
            if (expected.tokens().isEmpty()) {
                output.endAtLength();
                take(output, text, tokens);
            }
            assertEquals(expected.text(), text.toString(), context);
            assertEquals(expected.tokens(), tokens, context);
            assertEquals(expected.finish(), output.finish(), context);
        }
    }

    private static void take(OutputProcessor output, StringBuilder text, List<Integer> tokens) {
        var taken = output.take(0, null);
        if (taken != null) {
            text.append(taken.text());
            taken.tokens().forEach(t -> tokens.add(t.token()));
        }
    }

    /** The whole characters that tokens make. */
    private static String whole(List<Integer> tokens) {
        var bytes = new ByteArrayOutputStream();
        tokens.stream().filter(t -> t < 256).forEach(bytes::write);
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static SampledToken sampled(int token) {
        return new SampledToken(token, -1, new int[0], new float[0], true);
    }

    private static SamplingParams params(SplittableRandom random) {
        var stop = new ArrayList<String>();
        for (int i = random.nextInt(3); i > 0; i--) {
            stop.add(STOPS[random.nextInt(STOPS.length)]);
        }
        int maxTokens = random.nextInt(25);
        return new SamplingParams(
                1,
                maxTokens,
                random.nextInt(maxTokens + 1),
                stop,
                random.nextInt(4) == 0 ? Set.of((int) 'b') : Set.of(),
                random.nextBoolean(),
                random.nextBoolean(),
                random.nextLong(),
                0,
                -1,
                SamplerParams.GREEDY);
    }
}
