package io.chasqui.tokenizer;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;

/** Encoding hostile text costs O(n log n): growth over a factor of 16 is far from quadratic. */
class EncodingCostTest {
    private static final int SMALL = 1 << 16;
    private static final int FACTOR = 16;

    private record Kind(String name, IntFunction<String> text) {}

    private static final List<Kind> KINDS =
            List.of(
                    new Kind("one letter", "a"::repeat),
                    new Kind("line breaks", "\n"::repeat),
                    new Kind("spaces and line breaks", n -> " \n".repeat(n / 2)),
                    new Kind("starts of special tokens", n -> "<|reserved_".repeat(n / 11)),
                    new Kind("random bytes", n -> randomBytes(n)));

    private static String randomBytes(int length) {
        var random = new Random(1);
        var text = new StringBuilder(length);
        for (int i = 0; i < length; i++) {
            text.append((char) random.nextInt(256));
        }
        return text.toString();
    }

    private static double milliseconds(Tokenizer tokenizer, String text, int times) {
        double best = Double.MAX_VALUE;
        for (int i = 0; i < times; i++) {
            long start = System.nanoTime();
            assertTrue(tokenizer.encodeWithSpecials(text).length > 0);
            best = Math.min(best, (System.nanoTime() - start) / 1e6);
        }
        return best;
    }

    @Test
    void growsAlmostLinearly() {
        var tokenizer = TestTokenizers.llama3();
        for (var kind : KINDS) {
            double small = milliseconds(tokenizer, kind.text.apply(SMALL), 5);
            double half = milliseconds(tokenizer, kind.text.apply(SMALL * FACTOR / 2), 2);
            double large = milliseconds(tokenizer, kind.text.apply(SMALL * FACTOR), 2);
            System.out.printf(
                    "%s: 64 Ki %.1f ms, 512 Ki %.1f ms, 1 Mi %.1f ms; t(1 Mi)/t(512 Ki) = %.2f%n",
                    kind.name, small, half, large, large / half);
            assertTrue(
                    large < small * FACTOR * FACTOR / 2,
                    kind.name + ": " + small + " ms became " + large + " ms");
        }
    }
}
