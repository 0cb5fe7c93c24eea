package io.chasqui.grammar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sources made to exhaust the compiler: each compiles or is refused, within the limits. */
class HostileGrammarsTest {
    private static final int MANY = 100_000;

    private final ListedTokenizer tokenizer = new ListedTokenizer("ab", "[[", "{\"");
    private final GrammarVocabulary vocabulary = new GrammarVocabulary(tokenizer, tokenizer.end());
    private final GrammarCompiler compiler = new GrammarCompiler(vocabulary, GrammarLimits.DEFAULT);

    @AfterEach
    void clearInterrupt() {
        Thread.interrupted();
    }

    private String refusal(GrammarSpec spec) {
        return assertThrows(GrammarException.class, () -> compiler.compile(spec)).getMessage();
    }

    private String schemaRefusal(String schema) {
        return refusal(new GrammarSpec.JsonSchema(schema, SchemaOptions.DEFAULT));
    }

    private Grammar schema(String schema) {
        return compiler.compile(new GrammarSpec.JsonSchema(schema, SchemaOptions.DEFAULT));
    }

    private static String nested(String open, String inner, String close) {
        return open.repeat(MANY) + inner + close.repeat(MANY);
    }

    @Test
    void refusesDeepNesting() {
        var regex = refusal(new GrammarSpec.Regex(nested("(", "a", ")")));
        assertTrue(regex.contains("nested deeper"), regex);
        var gbnf = refusal(new GrammarSpec.Gbnf("root ::= " + nested("(", "\"a\"", ")")));
        assertTrue(gbnf.contains("nested deeper"), gbnf);
        var schema = schemaRefusal(nested("{\"items\":", "{}", "}"));
        assertTrue(schema.contains("nested deeper"), schema);
        schemaRefusal(nested("{\"not\":", "{}", "}"));
        schemaRefusal("{\"enum\":" + nested("[", "", "]") + "}");
        schemaRefusal("{\"enum\":[" + "[".repeat(150) + "]".repeat(150) + "]}");
        for (var repetition : List.of("*", "+", "?", "{1,2}")) {
            var repeated = "root ::= \"a\"" + repetition.repeat(MANY);
            assertTrue(refusal(new GrammarSpec.Gbnf(repeated)).contains("in a row"), repetition);
        }
        GrammarSpec spec = new GrammarSpec.JsonObject(JsonStyle.COMPACT);
        for (int i = 0; i < 1_000; i++) {
            spec = new GrammarSpec.Sequence(List.of(spec));
        }
        assertTrue(refusal(spec).contains("nested deeper"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(a{1,1000}){1,1000}",
                "((a{0,100}){0,100}){0,100}",
                "(a|b)*a(a|b){20}",
                "[\\x00-\\u{10ffff}]{100000}",
                "(a?){100000}"
            })
    void refusesExpressionsThatNeedTooManyStates(String pattern) {
        var message = refusal(new GrammarSpec.Regex(pattern));
        assertTrue(message.contains("states") || message.contains("longer than"), message);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a{1,1000}{1,1000}",
                "a{2,1}",
                "a{999999999999}",
                "a**",
                "(?<=a)b",
                "a(?=b)",
                "(a)\\1",
                "\\bfoo",
                "[z-a]",
                "[a",
                "(a",
                "a)",
                "\\",
                "\\u12",
                "\\p{Nonsense}",
                "(^a)*",
                "(?i)a",
                "+a"
            })
    void refusesExpressionsThatAreMalformedOrNotRegular(String pattern) {
        assertNotNull(refusal(new GrammarSpec.Regex(pattern)));
    }

    @Test
    void refusesAnchorsThatNothingCanSatisfy() {
        for (var pattern : List.of("a$b", "a^b", "^(?=a$b)a", "(a$b|c^d)")) {
            assertTrue(refusal(new GrammarSpec.Regex(pattern)).startsWith("nothing"), pattern);
            var schema = "{\"type\":\"string\",\"pattern\":\"" + pattern + "\"}";
            assertTrue(schemaRefusal(schema).startsWith("nothing"), schema);
        }
        var either = compiler.compile(new GrammarSpec.Regex("a$b|c"));
        assertTrue(JsonSchemaTestSuite.matches(either, "c".getBytes()));
    }

    @Test
    void nestedStarsCostNoMoreThanOne() {
        var grammar = compiler.compile(new GrammarSpec.Regex("((((a*)*)*)*)*b"));
        var text = "a".repeat(10_000) + "b";
        assertTrue(JsonSchemaTestSuite.matches(grammar, text.getBytes()));
    }

    @Test
    void takesOrRefusesLongFlatSources() {
        compiler.compile(new GrammarSpec.Regex("^" + "a".repeat(50_000) + "$"));
        refusal(new GrammarSpec.Regex("^a".repeat(MANY)));
        refusal(new GrammarSpec.Regex("(^a|b$|c)".repeat(1_000)));
        refusal(new GrammarSpec.Regex("a|".repeat(MANY) + "^$".repeat(MANY)));
        var alternatives = IntStream.range(0, 20_000).mapToObj(Integer::toString).toList();
        compiler.compile(new GrammarSpec.Regex(String.join("|", alternatives)));
        compiler.compile(new GrammarSpec.Choice(alternatives));
        schema("{\"enum\":[" + String.join(",", alternatives) + "]}");
    }

    @Test
    void refusesRecursionThatReadsNothing() {
        for (var grammar :
                List.of(
                        "root ::= root \"a\" | \"b\"",
                        "root ::= a \"x\" | \"b\"\na ::= b? root",
                        "root ::= e a\ne ::= \"\"\na ::= e root | \"x\"")) {
            var text = grammar.contains("b?") ? grammar + "\nb ::= \"b\"" : grammar;
            assertTrue(refusal(new GrammarSpec.Gbnf(text)).contains("left recursion"), text);
        }
        assertNotNull(schemaRefusal("{\"$ref\":\"#\"}"));
        assertNotNull(schemaRefusal("{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}"));
    }

    @Test
    void refusesWhatNothingMatches() {
        for (var schema :
                List.of(
                        "false",
                        "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},"
                                + "\"required\":[\"a\"]}",
                        "{\"type\":\"string\",\"minLength\":3,\"maxLength\":2}",
                        "{\"type\":\"integer\",\"minimum\":3,\"exclusiveMaximum\":3}",
                        "{\"type\":\"string\",\"enum\":[1,2]}")) {
            assertTrue(schemaRefusal(schema).startsWith("nothing matches"), schema);
        }
    }

    @Test
    void chainsOfRulesAndReferencesNeedNoStack() {
        var rules =
                IntStream.range(0, 20_000)
                        .mapToObj(i -> "r" + i + " ::= r" + (i + 1))
                        .collect(Collectors.joining("\n"));
        var grammar =
                compiler.compile(
                        new GrammarSpec.Gbnf("root ::= r0\n" + rules + "\nr20000 ::= \"a\""));
        assertTrue(JsonSchemaTestSuite.matches(grammar, "a".getBytes()));
        var definitions =
                IntStream.range(0, 5_000)
                        .mapToObj(i -> "\"d" + i + "\":{\"$ref\":\"#/$defs/d" + (i + 1) + "\"}")
                        .collect(Collectors.joining(","));
        schema(
                "{\"$ref\":\"#/$defs/d0\",\"$defs\":{"
                        + definitions
                        + ",\"d5000\":{\"type\":\"null\"}}}");
        schemaRefusal(
                "{\"allOf\":[{\"$ref\":\"#/$defs/d0\"}],\"$defs\":{"
                        + definitions
                        + ",\"d5000\":{\"type\":\"null\"}}}");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{'oneOf':[{'$ref':'#/$defs/d%d'},{'type':'null'}]}",
                "{'allOf':[{'anyOf':[{'$ref':'#/$defs/d%d'},{'type':'null'}]},{}]}",
                "{'if':true,'then':{'$ref':'#/$defs/d%d'}}",
                "{'dependentSchemas':{'a':{'$ref':'#/$defs/d%d'}}}",
                "{'not':{'not':{'$ref':'#/$defs/d%d'}}}"
            })
    void refusesLongChainsOfAlternatives(String link) {
        var definitions =
                IntStream.range(0, 20_000)
                        .mapToObj(i -> "'d" + i + "':" + link.formatted(i + 1))
                        .collect(Collectors.joining(","));
        var schema = "{'$ref':'#/$defs/d0','$defs':{" + definitions + ",'d20000':true}}";
        var message = schemaRefusal(schema.replace('\'', '"'));
        assertTrue(message.contains("chain"), message);
    }

    /** Copying what is required for each alternative would take gigabytes. */
    @Test
    void refusesManyAlternativesOfSomethingLarge() {
        var names =
                IntStream.range(0, 60_000)
                        .mapToObj(i -> "\"v" + i + "\"")
                        .collect(Collectors.joining(","));
        var counts =
                IntStream.range(0, 1_900)
                        .mapToObj(i -> "{\"minProperties\":" + i + "}")
                        .collect(Collectors.joining(","));
        var message = schemaRefusal("{\"required\":[" + names + "],\"anyOf\":[" + counts + "]}");
        assertTrue(message.contains("memory"), message);
    }

    /** Each part of a schema knows where it is; that would take gigabytes. */
    @Test
    void refusesManyPartsBelowALongName() {
        var parts = "{\"uniqueItems\":true},".repeat(20_000) + "{}";
        var name = "p".repeat(40_000);
        var message =
                schemaRefusal("{\"properties\":{\"" + name + "\":{\"allOf\":[" + parts + "]}}}");
        assertTrue(message.contains("shorter names"), message);
    }

    /** Comparing each value with each other takes minutes. */
    @Test
    void refusesOrIntersectsLongEnumerations() {
        var schema =
                "{\"allOf\":[{\"enum\":[%s]},{\"enum\":[%s]}]}"
                        .formatted(numbers(0, 60_000), numbers(60_000, 120_000));
        var message = schemaRefusal(schema);
        assertTrue(message.contains("longer than") || message.startsWith("nothing"), message);
    }

    private static String numbers(int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(Integer::toString)
                .collect(Collectors.joining(","));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"r%d ::= r%d \"x\"", "r%d ::= \"x\" r%d \"y\"", "r%d ::= [x] (r%d [y])+"})
    void refusesWhatNoStackIsDeepEnoughFor(String rule) {
        assertTrue(refusal(chain(rule, 70)).contains("even the shortest text"));
        var matcher = compiler.compile(chain(rule, 40)).matcher();
        assertTrue(Arrays.stream(matcher.mask()).anyMatch(word -> word != 0));
    }

    @Test
    void refusesSchemasWhoseValuesNestTooDeep() {
        var definitions =
                IntStream.range(0, 40)
                        .mapToObj(
                                i ->
                                        "\"d%d\":{\"type\":\"array\",\"minItems\":1,".formatted(i)
                                                + "\"items\":{\"$ref\":\"#/$defs/d%d\"}}"
                                                        .formatted(i + 1))
                        .collect(Collectors.joining(","));
        var message =
                schemaRefusal(
                        "{\"$ref\":\"#/$defs/d0\",\"$defs\":{" + definitions + ",\"d40\":true}}");
        assertTrue(message.contains("even the shortest text"), message);
    }

    private static GrammarSpec chain(String rule, int length) {
        var rules =
                IntStream.range(0, length)
                        .mapToObj(i -> rule.formatted(i, i + 1))
                        .collect(Collectors.joining("\n"));
        return new GrammarSpec.Gbnf("root ::= r0\n" + rules + "\nr" + length + " ::= \"a\"");
    }

    @Test
    void messagesStayShortWhateverTheyQuote() {
        var word = "k".repeat(MANY);
        for (var message :
                List.of(
                        refusal(new GrammarSpec.Gbnf("root ::= " + word)),
                        refusal(new GrammarSpec.Gbnf(word)),
                        refusal(new GrammarSpec.Regex("\\p{" + word + "}")),
                        schemaRefusal("{\"type\":\"" + word + "\"}"),
                        schemaRefusal("{\"$ref\":\"" + word + "\"}"))) {
            assertTrue(message.length() < 1_100, () -> "characters: " + message.length());
        }
    }

    @Test
    void referencesThatDoubleStaySmall() {
        var definitions =
                IntStream.range(0, 60)
                        .mapToObj(
                                i ->
                                        "\"d%d\":{\"prefixItems\":[{\"$ref\":\"#/$defs/d%d\"},"
                                                        .formatted(i, i + 1)
                                                + "{\"$ref\":\"#/$defs/d%d\"}],\"items\":false}"
                                                        .formatted(i + 1))
                        .collect(Collectors.joining(","));
        var grammar =
                schema(
                        "{\"$ref\":\"#/$defs/d0\",\"$defs\":{"
                                + definitions
                                + ",\"d60\":{\"type\":\"null\"}}}");
        assertTrue(grammar.bytes() < 1 << 20, "bytes " + grammar.bytes());
    }

    @Test
    void refusesCombinationsThatMultiply() {
        var choice = "{\"anyOf\":[{\"minLength\":1},{\"maxLength\":9},{\"pattern\":\"a\"}]}";
        var all = IntStream.range(0, 30).mapToObj(i -> choice).collect(Collectors.joining(","));
        assertNotNull(schemaRefusal("{\"type\":\"string\",\"allOf\":[" + all + "]}"));
    }

    @Test
    void takesOrRefusesWideObjects() {
        var properties =
                IntStream.range(0, 1_500)
                        .mapToObj(i -> "\"property_" + i + "\":{\"type\":\"integer\"}")
                        .collect(Collectors.joining(","));
        try {
            schema("{\"type\":\"object\",\"properties\":{" + properties + "}}");
        } catch (GrammarException e) {
            assertTrue(e.getMessage().contains("states") || e.getMessage().contains("longer"));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"minimum\":1e999999999,\"type\":\"number\"}",
                "{\"maximum\":-1e999999999,\"type\":\"number\"}",
                "{\"multipleOf\":1e-999999999}",
                "{\"multipleOf\":1e999999999}",
                "{\"enum\":[1e999999999],\"multipleOf\":2}",
                "{\"const\":1e-999999999}",
                "{\"maxLength\":1e999999999,\"type\":\"string\"}",
                "{\"maxItems\":99999999999999999999,\"type\":\"array\"}",
                "{\"minItems\":2000000000,\"type\":\"array\"}",
                "{\"maxProperties\":2000000000,\"type\":\"object\"}",
                "{\"minProperties\":2000000000,\"type\":\"object\"}",
                "{\"minimum\":1e99999999999999999999}"
            })
    void takesOrRefusesHugeNumbers(String schema) {
        try {
            assertNotNull(schema(schema));
        } catch (GrammarException e) {
            assertNotNull(e.getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "1",
                "nul",
                "{\"type\":5}",
                "{\"type\":\"dict\"}",
                "{\"type\":[1]}",
                "{\"properties\":{\"a\":3}}",
                "{\"properties\":[]}",
                "{\"required\":\"a\"}",
                "{\"required\":[1]}",
                "{\"enum\":1}",
                "{\"anyOf\":{}}",
                "{\"anyOf\":[]}",
                "{\"anyOf\":[1]}",
                "{\"pattern\":1}",
                "{\"pattern\":\"(\"}",
                "{\"minLength\":-1}",
                "{\"minLength\":1.5}",
                "{\"minLength\":\"1\"}",
                "{\"multipleOf\":0}",
                "{\"$ref\":1}",
                "{\"$ref\":\"#/nowhere\"}",
                "{\"$ref\":\"http://example.com/x\"}",
                "{\"items\":5,\"type\":\"array\"}",
                "{\"a\":1,\"a\":2}",
                "{\"enum\":[\"a\\ud800\"]}",
                "{\"properties\":{\"\\udfff\":{}},\"required\":[\"\\udfff\"]}",
                "{} {}",
                "{\"exclusiveMinimum\":true}",
                "{\"patternProperties\":{\"(\":{}}}",
                "{\"type\":\"object\",\"additionalProperties\":7}",
                "{\"propertyNames\":7}",
                "{\"dependentRequired\":7}",
                "{\"not\":7}",
                "{\"if\":7,\"then\":{}}"
            })
    void refusesMalformedSchemas(String schema) {
        assertNotNull(schemaRefusal(schema));
    }

    @Test
    void messagesNameThePlace() {
        assertEquals(
                "#/properties/a~1b/minLength: minLength must be a whole number, zero or more"
                        .replace("/minLength:", ":"),
                schemaRefusal("{\"type\":\"object\",\"properties\":{\"a/b\":{\"minLength\":-1}}}"));
        var strict = SchemaOptions.DEFAULT.withStrict(true);
        var message =
                refusal(
                        new GrammarSpec.JsonSchema(
                                "{\"items\":{\"type\":\"array\",\"uniqueItems\":true}}", strict));
        assertTrue(message.startsWith("#/items: uniqueItems cannot be enforced"), message);
    }

    @Test
    void anInterruptEndsCompiling() {
        Thread.currentThread().interrupt();
        var message = refusal(new GrammarSpec.Regex("(a|b)*a(a|b){20}"));
        assertTrue(message.contains("interrupted"), message);
    }

    @Test
    void ambiguousGrammarsStayPolynomial() {
        var grammar =
                compiler.compile(
                        new GrammarSpec.Gbnf(
                                "root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"a\" root root |"
                                        + " \"a\""));
        var matcher = grammar.matcher();
        for (int i = 0; i < 2_000; i++) {
            assertTrue(matcher.advance('a'), "byte " + i);
        }
        assertTrue(matcher.mask().length > 0);
    }

    @Test
    void manyBracketsMeetTheDeepestStackAndCanStillBeClosed() {
        var grammar = compiler.compile(new GrammarSpec.JsonSchema("true", SchemaOptions.DEFAULT));
        var matcher = grammar.matcher();
        int open = 0;
        while (matcher.advance('[')) {
            open++;
        }
        assertTrue(open >= 40 && open <= GrammarLimits.DEFAULT.stackDepth(), "brackets " + open);
        for (int i = 0; i < open; i++) {
            assertTrue(matcher.advance(']'), "bracket " + i);
        }
        assertTrue(matcher.mustEnd());
    }
}
