package io.chasqui.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.chasqui.testing.ByteTokenizer;
import io.chasqui.tokenizer.TestTokenizers;
import io.chasqui.tokenizer.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class IncrementalDetokenizerTest {
    private static final int[] EDGES = {
        0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
        0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff, 256
    };

    private final Tokenizer bytes = new ByteTokenizer("<|end|>");

    /** The text of all bytes of ordinary tokens together. */
    private static String whole(Tokenizer tokenizer, int[] tokens) {
        var out = new ByteArrayOutputStream();
        IntStream.of(tokens)
                .filter(token -> !tokenizer.isSpecial(token))
                .forEach(token -> out.writeBytes(tokenizer.bytes(token)));
        return out.toString(StandardCharsets.UTF_8);
    }

    private static void check(Tokenizer tokenizer, int[] tokens, String message) {
        var detokenizer = new IncrementalDetokenizer(tokenizer);
        var text = new StringBuilder();
        for (int i = 0; i < tokens.length; i++) {
            var more = detokenizer.append(tokens[i]);
            assertFalse(
                    !more.isEmpty() && Character.isHighSurrogate(more.charAt(more.length() - 1)),
                    message);
            text.append(more);
            // What is out must be a beginning of what will be, and no more than 3 bytes behind.
            var soFar = whole(tokenizer, IntStream.of(tokens).limit(i + 1).toArray());
            assertEquals(soFar.substring(0, text.length()), text.toString(), message);
            assertFalse(soFar.length() - text.length() > 1, message);
        }
        text.append(detokenizer.flush());
        assertEquals(whole(tokenizer, tokens), text.toString(), message);
        assertEquals("", detokenizer.flush(), message);
    }

    @Test
    void givesTheTextOfAllBytesForAnySequence() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int i = 0; i < 100_000; i++) {
            var tokens =
                    IntStream.range(0, random.nextInt(10))
                            .map(
                                    _ ->
                                            random.nextInt(4) == 0
                                                    ? random.nextInt(257)
                                                    : EDGES[random.nextInt(EDGES.length)])
                            .toArray();
            check(bytes, tokens, "seed " + seed + ", sequence " + i);
        }
    }

    @Test
    void givesTheTextOfAllBytesForEverySequenceOfFourEdgeBytes() {
        for (int a : EDGES) {
            for (int b : EDGES) {
                for (int c : EDGES) {
                    for (int d : EDGES) {
                        check(bytes, new int[] {a, b, c, d}, a + " " + b + " " + c + " " + d);
                    }
                }
            }
        }
    }

    @Test
    void givesTheTextOfAllBytesForTokensOfARealVocabulary() {
        var tokenizer = TestTokenizers.llama3();
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int i = 0; i < 5_000; i++) {
            var tokens = random.ints(random.nextInt(30), 0, tokenizer.vocabSize() + 2).toArray();
            check(tokenizer, tokens, "seed " + seed + ", sequence " + i);
        }
    }

    @Test
    void holdsBackACharacterUntilItIsComplete() {
        var detokenizer = new IncrementalDetokenizer(bytes);
        assertEquals("a", detokenizer.append('a'));
        assertEquals("", detokenizer.append(0xf0));
        assertEquals("", detokenizer.append(0x9f));
        assertEquals("", detokenizer.append(256));
        assertEquals("", detokenizer.append(0x98));
        assertEquals("😀", detokenizer.append(0x80));
        assertEquals("", detokenizer.append(0xe2));
        assertEquals("", detokenizer.append(0x82));
        assertEquals("\uFFFD", detokenizer.flush());
        assertEquals("b", detokenizer.append('b'));
    }
}
