package io.chasqui.grammar;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.tokenizer.TestTokenizers;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Masks against every token tried by itself on {@link SlowMatcher}. */
class MaskTest {
    private static final String[] TEXTS = {
        "{\"", "\":", "\":\"", "\",\"", "\"}", "\"]", "\",", "},", "}]", "]}", "[[", "[{", "[]",
                "{}",
        "true", "false", "null", "rue", ":1", "12", ",1", "1}", "1]", "0.5", "\\u", "\\\"", "é",
                "ab",
        "abc", " a", "\n", "bb", "aab", "😀", "a\"", "\":[", "--", "cat", "dog", "ca", "\",\"b\":"
    };

    private static final List<GrammarSpec> SPECS =
            List.of(
                    new GrammarSpec.JsonObject(JsonStyle.COMPACT),
                    new GrammarSpec.JsonObject(JsonStyle.SPACED),
                    new GrammarSpec.Regex("(a|ab)*(b|bb)?[é😀]{0,3}"),
                    new GrammarSpec.Regex("-?[0-9]+(\\.[0-9]{1,3})?"),
                    new GrammarSpec.Choice(List.of("cat", "cats", "dog", "")),
                    schema("{\"type\":\"array\",\"items\":{\"$ref\":\"#\"},\"maxItems\":2}"),
                    schema(
                            "{\"properties\":{\"a\":{\"type\":\"string\",\"maxLength\":3},"
                                    + "\"b\":{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"},"
                                    + "{\"$ref\":\"#\"}]},\"c\":{\"enum\":[\"cat\",1,[true]]}},"
                                    + "\"required\":[\"b\"],\"additionalProperties\":{\"type\":\"boolean\"}}"),
                    schema(
                            "{\"anyOf\":[{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},"
                                    + "\"b\":{}}},{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\"},"
                                    + "\"ab\":{\"const\":null}}}]}"),
                    new GrammarSpec.Repeat(
                            new GrammarSpec.AnyOf(
                                    List.of(
                                            new GrammarSpec.Regex("[ab]+"),
                                            new GrammarSpec.JsonObject(JsonStyle.COMPACT))),
                            "--",
                            0,
                            Integer.MAX_VALUE));

    private static GrammarSpec schema(String text) {
        return new GrammarSpec.JsonSchema(text, SchemaOptions.DEFAULT);
    }

    @Test
    void masksOfASmallVocabularyAreThoseOfTheSlowMatcher() {
        var tokenizer = new ListedTokenizer(TEXTS);
        var vocabulary = new GrammarVocabulary(tokenizer, tokenizer.end());
        for (int seed = 0; seed < 10; seed++) {
            for (var spec : SPECS) {
                walk(vocabulary, spec, 25, seed);
            }
        }
    }

    @Test
    void masksOfARealVocabularyAreThoseOfTheSlowMatcher() {
        var vocabulary = new GrammarVocabulary(TestTokenizers.llama3(), 128001, 128009);
        for (var spec :
                List.of(
                        new GrammarSpec.JsonObject(JsonStyle.COMPACT),
                        new GrammarSpec.Regex("[^<]{0,7}(<b>[a-z .]*)?"),
                        new GrammarSpec.Regex("[a-z]{0,5}( [a-zA-Z]{2,9})*"),
                        schema("{\"type\":\"string\",\"maxLength\":5}"),
                        schema("{\"type\":\"string\",\"maxLength\":24}"),
                        schema("{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9 _-]{2,12}$\"}"),
                        schema(
                                "{\"properties\":{\"a\":{\"type\":\"number\"},\"b\":{\"enum\":"
                                        + "[\"x\",\"yes\"]}},\"additionalProperties\":true}"))) {
            walk(vocabulary, spec, 5, 1);
        }
    }

    @Test
    void masksNearTheDeepestStackAreThoseOfTheSlowMatcher() {
        var tokenizer = new ListedTokenizer(TEXTS);
        var vocabulary = new GrammarVocabulary(tokenizer, tokenizer.end());
        var limits = GrammarLimits.DEFAULT;
        var shallow =
                new GrammarLimits(
                        limits.states(),
                        limits.cpuTime(),
                        limits.nesting(),
                        4,
                        limits.cacheBytes());
        for (int seed = 0; seed < 10; seed++) {
            for (var spec : SPECS) {
                walk(vocabulary, spec, shallow, 25, seed);
            }
        }
    }

    @Test
    void masksOfAForgetfulGrammarAreThoseOfTheSlowMatcher() {
        var tokenizer = new ListedTokenizer(TEXTS);
        var vocabulary = new GrammarVocabulary(tokenizer, tokenizer.end());
        var limits = GrammarLimits.DEFAULT;
        var small =
                new GrammarLimits(limits.states(), limits.cpuTime(), limits.nesting(), 60, 10_000);
        for (var spec : SPECS) {
            walk(vocabulary, spec, small, 40, 3);
        }
    }

    private static void walk(GrammarVocabulary vocabulary, GrammarSpec spec, int steps, int seed) {
        walk(vocabulary, spec, GrammarLimits.DEFAULT, steps, seed);
    }

    private static void walk(
            GrammarVocabulary vocabulary,
            GrammarSpec spec,
            GrammarLimits limits,
            int steps,
            int seed) {
        var random = new Random(seed);
        var grammar = new GrammarCompiler(vocabulary, limits).compile(spec);
        var matcher = grammar.matcher();
        var slow = SlowMatcher.start(grammar.root(), limits.stackDepth());
        var text = new ByteArrayOutputStream();
        for (int step = 0; step < steps; step++) {
            var place = spec + ", seed " + seed + ", after " + text;
            var expected = slow.allowed(vocabulary);
            int[] mask = BitSet.valueOf(matcher.mask()).stream().toArray();
            assertMask(expected, mask, matcher, place);
            assertEquals(slow.isComplete(), matcher.isComplete(), place);
            int token = mask[random.nextInt(mask.length)];
            assertRefusesOthers(vocabulary, mask, matcher, random, place);
            assertTrue(matcher.advance(token), place);
            if (vocabulary.isEnd(token)) {
                assertTrue(matcher.mustEnd());
                return;
            }
            text.writeBytes(vocabulary.bytes(token));
            slow = slow.after(vocabulary.bytes(token));
        }
    }

    /** All of them, or the canonical one of those that a forced text leaves. */
    private static void assertMask(
            List<Integer> expected, int[] mask, GrammarMatcher matcher, String place) {
        byte[] forced = matcher.forcedBytes();
        if (forced.length == 0) {
            assertArrayEquals(expected.stream().mapToInt(i -> i).toArray(), mask, place);
            return;
        }
        assertTrue(mask.length > 0, place);
        assertTrue(expected.containsAll(Arrays.stream(mask).boxed().toList()), place);
        int[] tokens = matcher.forcedTokens();
        if (tokens.length > 0) {
            assertArrayEquals(new int[] {tokens[0]}, mask, place);
        }
    }

    private static void assertRefusesOthers(
            GrammarVocabulary vocabulary,
            int[] mask,
            GrammarMatcher matcher,
            Random random,
            String place) {
        for (int i = 0; i < 20; i++) {
            int other = random.nextInt(vocabulary.size());
            if (Arrays.binarySearch(mask, other) < 0) {
                assertFalse(matcher.copy().advance(other), place + ", token " + other);
            } else {
                assertTrue(matcher.copy().advance(other), place + ", token " + other);
            }
        }
    }

    @Test
    void namesOfSpecialTokensMatchNoText() {
        var tokenizer = new ListedTokenizer();
        var vocabulary = new GrammarVocabulary(tokenizer);
        var grammar =
                new GrammarCompiler(vocabulary, GrammarLimits.DEFAULT)
                        .compile(new GrammarSpec.JsonObject(JsonStyle.COMPACT));
        var matcher = grammar.matcher();
        assertFalse(matcher.advance(tokenizer.end()));
        assertTrue(matcher.advance('{'));
    }

    @Test
    void aCopyGoesItsOwnWayAndARestoredMatcherIsWhereItWas() {
        var tokenizer = new ListedTokenizer(TEXTS);
        var vocabulary = new GrammarVocabulary(tokenizer, tokenizer.end());
        var grammar =
                new GrammarCompiler(vocabulary, GrammarLimits.DEFAULT)
                        .compile(new GrammarSpec.Regex("a+b|c"));
        var matcher = grammar.matcher();
        var begin = matcher.copy();
        var tokens = new ArrayList<Integer>(List.of((int) 'a', (int) 'a', (int) 'b'));
        tokens.forEach(token -> assertTrue(matcher.advance(token)));
        assertTrue(matcher.mustEnd());
        assertTrue(begin.advance('c'));
        assertTrue(begin.isComplete());
        matcher.restore(grammar.matcher());
        assertFalse(matcher.isComplete());
        assertTrue(matcher.advance('c'));
        assertTrue(matcher.advance(tokenizer.end()));
        assertFalse(matcher.advance('a'));
    }
}
