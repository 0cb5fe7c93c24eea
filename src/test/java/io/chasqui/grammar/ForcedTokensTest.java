package io.chasqui.grammar;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.testing.SharedData;
import io.chasqui.tokenizer.TestTokenizers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ForcedTokensTest {
    private static final int END = 128009;

    private static GrammarVocabulary vocabulary;

    private static synchronized GrammarVocabulary vocabulary() {
        if (vocabulary == null) {
            vocabulary = new GrammarVocabulary(TestTokenizers.llama3(), END);
        }
        return vocabulary;
    }

    private static Grammar compile(GrammarSpec spec) {
        return new GrammarCompiler(vocabulary(), GrammarLimits.DEFAULT).compile(spec);
    }

    /** What a model that picks at random says; forced tokens appended unsampled, or not. */
    private static List<Integer> answer(Grammar grammar, long seed, boolean jumpAhead) {
        var matcher = grammar.matcher();
        var tokens = new ArrayList<Integer>();
        while (tokens.size() < 120) {
            int[] forced = jumpAhead ? matcher.forcedTokens() : new int[0];
            for (int token : forced) {
                assertTrue(matcher.advance(token));
                tokens.add(token);
            }
            var allowed = BitSet.valueOf(matcher.mask()).stream().toArray();
            // The choice depends on the place alone, as in the engine's sampler.
            var random = new Random(seed * 1_000_003 + tokens.size());
            int token = allowed[random.nextInt(allowed.length)];
            assertTrue(matcher.advance(token));
            tokens.add(token);
            if (token == END) {
                break;
            }
        }
        return tokens.subList(0, Math.min(120, tokens.size()));
    }

    @Test
    void jumpingAheadChangesNoToken() throws IOException {
        int forced = 0;
        long seed = 0;
        for (var schema : FunctionSchemas.of(SharedData.path("data/bfcl"))) {
            if (seed++ % 40 != 0) {
                continue;
            }
            var grammar = compile(new GrammarSpec.JsonSchema(schema, SchemaOptions.DEFAULT));
            forced += grammar.matcher().forcedTokens().length;
            assertEquals(answer(grammar, seed, false), answer(grammar, seed, true), schema);
        }
        assertTrue(forced > 50, "forced tokens: " + forced);
    }

    @Test
    void aTextWithoutChoiceHasItsCanonicalTokens() {
        for (var text :
                List.of(
                        "The quick brown fox jumps over 12345678 lazy dogs.",
                        "{\"temperature\":  \"é😀 ¿qué?\"}\n\n\tx",
                        "a".repeat(300),
                        "한국어 텍스트와 中文文本 и русский")) {
            var matcher = compile(new GrammarSpec.Choice(List.of(text))).matcher();
            assertArrayEquals(vocabulary().tokenizer().encode(text), matcher.forcedTokens(), text);
            for (int token : matcher.forcedTokens()) {
                assertArrayEquals(
                        new int[] {token}, BitSet.valueOf(matcher.mask()).stream().toArray());
                assertTrue(matcher.advance(token));
            }
            assertTrue(matcher.mustEnd());
        }
    }

    @Test
    void tokensThatMayReachBeyondForcedTextAreLeftToTheModel() {
        var schema =
                "{\"type\":\"object\",\"properties\":{\"location\":{\"type\":\"string\"},"
                        + "\"unit\":{\"enum\":[\"celsius\"]}},\"required\":[\"location\",\"unit\"]}";
        var matcher = compile(new GrammarSpec.JsonSchema(schema, SchemaOptions.DEFAULT)).matcher();
        assertEquals("{\"location\":\"", new String(matcher.forcedBytes(), StandardCharsets.UTF_8));
        var forced = vocabulary().tokenizer().decode(matcher.forcedTokens());
        assertEquals("{\"location", forced);
        for (int token : matcher.forcedTokens()) {
            matcher.advance(token);
        }
        // ":" and quote are certain, but a token may hold them and the value's first letters.
        var allowed = BitSet.valueOf(matcher.mask());
        for (int token : allowed.stream().toArray()) {
            var text = vocabulary().tokenizer().decode(new int[] {token});
            assertTrue(text.startsWith("\":\""), text);
        }
        assertTrue(allowed.get(vocabulary().tokenizer().encode("\":\"")[0]));
    }

    @Test
    void aForcedTextLongerThanTheSpanIsContinued() {
        var text = "lorem ipsum dolor sit amet ".repeat(100);
        var matcher = compile(new GrammarSpec.Choice(List.of(text))).matcher();
        var tokens = new ArrayList<Integer>();
        while (!matcher.mustEnd()) {
            int token = BitSet.valueOf(matcher.mask()).nextSetBit(0);
            assertTrue(matcher.advance(token));
            tokens.add(token);
        }
        assertArrayEquals(
                vocabulary().tokenizer().encode(text), tokens.stream().mapToInt(i -> i).toArray());
    }
}
