package io.chasqui.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.chasqui.testing.RandomText;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The scanners against java.util.regex with the published expressions. */
class PreTokenizerTest {
    private static final int TEXTS = 20_000;
    private static final int FLAGS =
            Pattern.UNICODE_CHARACTER_CLASS | Pattern.UNICODE_CASE | Pattern.DOTALL;
    private static final Pattern LLAMA =
            Pattern.compile(
                    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
                            + " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
                    FLAGS);
    private static final Pattern GPT_2 =
            Pattern.compile(
                    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+|"
                            + " ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
                    FLAGS);
    private static final Pattern DIGIT = Pattern.compile("\\p{N}|[^\\p{N}]+", FLAGS);

    private static List<String> matches(Pattern pattern, String text) {
        return pattern.matcher(text).results().map(match -> match.group()).toList();
    }

    private static List<String> scan(PreTokenizer preTokenizer, String text) {
        var utf8 = text.getBytes(StandardCharsets.UTF_8);
        var pieces = new ArrayList<String>();
        for (int at = 0; at < utf8.length; ) {
            int end = preTokenizer.next(utf8, at, utf8.length);
            pieces.add(new String(utf8, at, end - at, StandardCharsets.UTF_8));
            at = end;
        }
        return pieces;
    }

    @Test
    void splitsRandomTextLikeTheExpressions() {
        long seed = System.nanoTime();
        var random = new Random(seed);
        for (int i = 0; i < TEXTS; i++) {
            var text =
                    new String(
                            RandomText.next(random, 30).getBytes(StandardCharsets.UTF_8),
                            StandardCharsets.UTF_8);
            var message = "seed " + seed + ", text " + i;
            assertEquals(matches(LLAMA, text), scan(PreTokenizer.LLAMA_BPE, text), message);
            assertEquals(matches(GPT_2, text), scan(PreTokenizer.GPT_2, text), message);
            var smollm = new ArrayList<String>();
            matches(DIGIT, text).forEach(stretch -> smollm.addAll(matches(GPT_2, stretch)));
            assertEquals(smollm, scan(PreTokenizer.SMOLLM, text), message);
        }
    }

    @Test
    void knowsTheKindOfEveryCodePoint() {
        for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
            if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
                continue;
            }
            var text = Character.toString(c);
            for (var around : List.of(text, "a" + text + "a", "  " + text + "1", "'" + text)) {
                assertEquals(
                        matches(LLAMA, around),
                        scan(PreTokenizer.LLAMA_BPE, around),
                        () -> Integer.toHexString(around.codePointAt(0)));
            }
        }
    }
}
