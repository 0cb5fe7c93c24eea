package io.chasqui.grammar;

import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

class GrammarCacheTest {
    private static final long MAX_BYTES = 1 << 20;
    private static final int SCHEMAS = Integer.getInteger("chasqui.grammar.schemas", 3_000);

    private final ListedTokenizer tokenizer = new ListedTokenizer();
    private final GrammarCache cache =
            new GrammarCache(
                    new GrammarCompiler(
                            new GrammarVocabulary(tokenizer, tokenizer.end()),
                            GrammarLimits.DEFAULT),
                    MAX_BYTES);

    private static GrammarSpec schema(int number) {
        return new GrammarSpec.JsonSchema("{\"const\":" + number + "}", SchemaOptions.DEFAULT);
    }

    @Test
    void equalSpecificationsShareAGrammar() throws Exception {
        assertSame(cache.get(schema(1)), cache.get(schema(1)));
        assertNotSame(cache.get(schema(1)), cache.get(schema(2)));
        var strict = new GrammarSpec.JsonSchema("{}", SchemaOptions.DEFAULT.withStrict(true));
        var lenient = new GrammarSpec.JsonSchema("{}", SchemaOptions.DEFAULT);
        assertNotSame(cache.get(strict), cache.get(lenient));
    }

    @Test
    void thousandsOfDistinctSchemasStayWithinTheLimit() throws Exception {
        var first = cache.get(schema(0));
        for (int i = 1; i <= SCHEMAS; i++) {
            cache.get(schema(i)).matcher().mask();
            assertTrue(cache.bytes() <= 2 * MAX_BYTES, "bytes " + cache.bytes());
        }
        assertNotSame(first, cache.get(schema(0)));
    }

    @Test
    void longSourcesOfSmallGrammarsCountToo() throws Exception {
        var description = "d".repeat(100_000);
        for (int i = 0; i < 50; i++) {
            var schema = "{\"const\":" + i + ",\"description\":\"" + description + "\"}";
            cache.get(new GrammarSpec.JsonSchema(schema, SchemaOptions.DEFAULT));
            assertTrue(cache.bytes() <= MAX_BYTES, "bytes " + cache.bytes());
        }
        assertTrue(cache.bytes() > 2 * description.length());
    }

    @Test
    void refusalsAreNotRemembered() throws Exception {
        for (int i = 0; i < 3; i++) {
            assertThrows(GrammarException.class, () -> cache.get(new GrammarSpec.Regex("(")));
        }
        assertTrue(cache.bytes() == 0);
    }

    @Test
    void threadsThatAskAtOnceGetTheSameAndMayUseItTogether() throws Exception {
        var spec = new GrammarSpec.Gbnf("root ::= \"a\" root \"b\" | [c-z]* \"a\" root | \"\"");
        try (var threads = Executors.newFixedThreadPool(8)) {
            var task =
                    (Callable<Grammar>)
                            () -> {
                                var grammar = cache.get(spec);
                                var matcher = grammar.matcher();
                                for (int i = 0; i < 50; i++) {
                                    assertTrue(matcher.advance("xaya".charAt(i % 4)));
                                    matcher.mask();
                                }
                                return grammar;
                            };
            var tasks = new ArrayList<Callable<Grammar>>();
            for (int i = 0; i < 8; i++) {
                tasks.add(task);
            }
            var results = new ArrayList<Grammar>();
            for (var result : threads.invokeAll(tasks)) {
                results.add(result.get());
            }
            assertTrue(List.copyOf(results).stream().allMatch(g -> g == results.getFirst()));
        }
    }
}
