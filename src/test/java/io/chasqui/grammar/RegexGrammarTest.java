package io.chasqui.grammar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Regular expressions against the JDK's, over texts of the characters that they are about. */
class RegexGrammarTest {
    private static final String CHARACTERS = "abcx01 .-é😀";
    private static final String[] ATOMS = {
        "a", "b", "c", "[ab]", "[^a]", "[a-c]", "\\d", "\\w", "\\D", "\\W", "é", "😀", "[é-😀]",
        "\\.", "\\-", "x", "[\\dx]", "[^\\w ]", "\\u0061", "(?:)", "[0-1.]"
    };

    private final ListedTokenizer tokenizer = new ListedTokenizer();
    private final GrammarCompiler compiler =
            new GrammarCompiler(
                    new GrammarVocabulary(tokenizer, tokenizer.end()), GrammarLimits.DEFAULT);

    private static String expression(Random random, int depth) {
        int kind = random.nextInt(depth > 0 ? 8 : 3);
        return switch (kind) {
            case 3 -> expression(random, depth - 1) + "|" + expression(random, depth - 1);
            case 4 -> "(" + expression(random, depth - 1) + ")";
            case 5 -> "(?:" + expression(random, depth - 1) + ")" + quantifier(random);
            case 6, 7 -> expression(random, depth - 1) + expression(random, depth - 1);
            default -> ATOMS[random.nextInt(ATOMS.length)];
        };
    }

    private static String quantifier(Random random) {
        return new String[] {"*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "{0}"}[random.nextInt(8)];
    }

    private static String text(Random random) {
        var points = CHARACTERS.codePoints().toArray();
        var text = new StringBuilder();
        for (int i = random.nextInt(7); i > 0; i--) {
            text.appendCodePoint(points[random.nextInt(points.length)]);
        }
        return text.toString();
    }

    private boolean matches(String pattern, String text) {
        var grammar = compiler.compile(new GrammarSpec.Regex(pattern));
        return JsonSchemaTestSuite.matches(grammar, text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void wholeTextsMatchAsInTheJdk() {
        var random = new Random(7);
        for (int i = 0; i < 1_000; i++) {
            var pattern = expression(random, 4);
            Grammar grammar;
            try {
                grammar = compiler.compile(new GrammarSpec.Regex(pattern));
            } catch (GrammarException e) {
                assertTrue(e.getMessage().startsWith("nothing matches"), pattern);
                continue;
            }
            var expected = Pattern.compile(pattern);
            for (int j = 0; j < 40; j++) {
                var text = text(random);
                assertEquals(
                        expected.matcher(text).matches(),
                        JsonSchemaTestSuite.matches(grammar, text.getBytes(StandardCharsets.UTF_8)),
                        pattern + " on " + text);
            }
        }
    }

    @Test
    void textsAreFoundAsInTheJdk() {
        var random = new Random(8);
        var budget = new CompileBudget(GrammarLimits.DEFAULT);
        for (int i = 0; i < 400; i++) {
            var pattern =
                    (random.nextBoolean() ? "^" : "")
                            + expression(random, 3)
                            + (random.nextBoolean() ? "$" : "");
            var found = RegexParser.parse(pattern, budget).search(TextEncoding.UTF_8, budget);
            var expected = Pattern.compile(pattern);
            for (int j = 0; j < 40; j++) {
                var text = text(random);
                assertEquals(
                        expected.matcher(text).find(),
                        found.contains(text.getBytes(StandardCharsets.UTF_8)),
                        pattern + " in " + text);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "'^(?=.*[0-9])(?=.*[a-z])(?!.*x).{4,6}$', a1bc, true",
        "'^(?=.*[0-9])(?=.*[a-z])(?!.*x).{4,6}$', a1xc, false",
        "'^(?=.*[0-9])(?=.*[a-z])(?!.*x).{4,6}$', abcd, false",
        "'^(?!admin$).*$', admin, false",
        "'^(?!admin$).*$', admins, true",
        "'(?<year>\\d{4})-\\d\\d', 2024-05, true",
        "'\\p{Lu}\\p{Ll}+', Łódź, true",
        "'\\p{Lu}\\p{Ll}+', łódź, false",
        "'\\P{L}', a, false",
        "'\\u{1F600}\\uD83D\\uDE00', 😀😀, true",
        "'\\cA?[\\b]?a', a, true",
        "'^ab|cd$', ab, true",
        "'^ab|cd$', cd, true"
    })
    void ecmaScriptSyntaxIsRead(String pattern, String text, boolean matches) {
        assertEquals(matches, matches(pattern, text));
    }

    @Test
    void bytesThatAreNotUtf8NeverMatch() {
        var grammar = compiler.compile(new GrammarSpec.Regex("[^a]*"));
        for (byte[] bytes :
                new byte[][] {
                    {(byte) 0xC0, (byte) 0x80},
                    {(byte) 0xED, (byte) 0xA0, (byte) 0x80},
                    {(byte) 0xF4, (byte) 0x90, (byte) 0x80, (byte) 0x80},
                    {(byte) 0xE0, (byte) 0x80, (byte) 0x80},
                    {(byte) 0x80},
                    {(byte) 0xFF}
                }) {
            assertFalse(JsonSchemaTestSuite.matches(grammar, bytes));
        }
        assertTrue(
                JsonSchemaTestSuite.matches(
                        grammar, "\u0000߿\uFFFF\uD83D\uDE00".getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void everyCharacterHasOneSpellingInUtf8AndInJson() {
        var budget = new CompileBudget(GrammarLimits.DEFAULT);
        for (var encoding : TextEncoding.values()) {
            var any = Language.of(new Expression.Chars(CharSet.ALL), encoding, budget);
            for (int c = 0; c <= Character.MAX_CODE_POINT; c += c < 0x3000 ? 1 : 97) {
                if (c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE) {
                    assertTrue(any.contains(encoding.bytes(Character.toString(c))), "U+" + c);
                }
            }
        }
    }
}
