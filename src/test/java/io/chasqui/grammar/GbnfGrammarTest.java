package io.chasqui.grammar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GbnfGrammarTest {
    private static final String SUMS =
            """
            # an equation of sums and products
            root    ::= sum "=" gap sum
            sum     ::= product ([-+] gap product)*
            product ::= factor ([*/] gap factor)*   # binds tighter
            factor  ::=
                name | digits |
                "(" gap (
                    sum
                ) ")" gap
            name    ::= [a-z] [a-z0-9_]* gap
            digits  ::= [0-9]+ gap
            gap     ::= [ \\t]*
            """;

    private final ListedTokenizer tokenizer = new ListedTokenizer();
    private final GrammarCompiler compiler =
            new GrammarCompiler(
                    new GrammarVocabulary(tokenizer, tokenizer.end()), GrammarLimits.DEFAULT);

    private boolean matches(String grammar, String text) {
        return JsonSchemaTestSuite.matches(
                compiler.compile(new GrammarSpec.Gbnf(grammar)),
                text.getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @CsvSource({
        "x=1, true",
        "(a+b)*12 - c= d, true",
        "'1+(2*(3-4))=x', true",
        "x=, false",
        "1+=2, false",
        "(1=2, false",
        "A=1, false"
    })
    void recursiveRulesOverSeveralLinesAreRead(String equation, boolean matches) {
        assertEquals(matches, matches(SUMS, equation));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '~',
            value = {
                "root ::= \"a\"{2,3};aa;true",
                "root ::= \"a\"{2,3};a;false",
                "root ::= \"a\"{2,};aaaa;true",
                "root ::= \"a\"{,2} \"b\";b;true",
                "root ::= (\"a\" | \"b\")+ \"c\"?;abbac;true",
                "root ::= [^a-c]+;xyz;true",
                "root ::= [^a-c]+;xbz;false",
                "root ::= . . ;é😀;true",
                "root ::= \"\\x41\\u00e9\\U0001F600\";Aé😀;true",
                "root ::= [\\]\\-^]+;]^-;true",
                "root::=a_1;x;false",
                "root ::= \"a\" root | ;aaa;true",
                "root ::= \"(\" root \")\" | \"\";((()));true",
                "root ::= \"(\" root \")\" | \"\";((());false"
            })
    void syntaxIsReadLikeLlamaCpp(String grammar, String text, boolean matches) {
        var whole = grammar.contains("a_1") ? grammar + "\na_1 ::= \"y\"" : grammar;
        assertEquals(matches, matches(whole, text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "a ::= \"x\"",
                "root ::= missing",
                "root ::= \"x",
                "root ::= [a",
                "root ::= (\"a\"",
                "root ::= \"a\")",
                "root ::= \"\\q\"",
                "root ::= [z-a]",
                "root ::= \"a\"{3,2}",
                "root ::= \"a\"{x}",
                "root = \"a\"",
                "root ::= \"a\"\nroot ::= \"b\"",
                "root ::= *",
                "root ::= <token>",
                "root ::= \"\\ud800\"",
                "root ::= \"\\U00110000\""
            })
    void malformedGrammarsAreRefused(String grammar) {
        assertThrows(GrammarException.class, () -> compiler.compile(new GrammarSpec.Gbnf(grammar)));
    }

    @Test
    void messagesNameTheLine() {
        var message =
                assertThrows(
                                GrammarException.class,
                                () ->
                                        compiler.compile(
                                                new GrammarSpec.Gbnf("root ::= a\na ::= [x")))
                        .getMessage();
        assertTrue(message.startsWith("grammar, line 2:"), message);
    }
}
