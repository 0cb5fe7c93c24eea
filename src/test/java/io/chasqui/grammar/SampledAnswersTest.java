package io.chasqui.grammar;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.testing.SharedData;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A small part of what {@link #main} does. Every answer must be JSON that an independent validator
 * accepts, and every cut one must have a completion that is.
 */
class SampledAnswersTest {
    private static final String[] TEXTS = {
        "{\"", "\":", "\":\"", "\",\"", "\"}", "\"]", "\",", "},", "}]", "]}", "true", "false",
        "null", "12", "1.5", "ab", "cd", "name", "x-", "x-1", "é", "\\n", "2024-", "00", "\\u00",
        "99", "😀"
    };

    private static GrammarVocabulary vocabulary() {
        var tokenizer = new ListedTokenizer(TEXTS);
        return new GrammarVocabulary(tokenizer, tokenizer.end());
    }

    @ParameterizedTest
    @EnumSource
    void answersUnderRandomSchemasAreValid(SchemaOptions.Reading reading) {
        var answers = new SampledAnswers(vocabulary(), reading);
        underRandomSchemas(answers, 0, 150, 10, 60);
        assertEquals(List.of(), answers.disagreements, answers.toString());
        assertTrue(answers.answers > 1_000, answers.toString());
        assertEquals(0, answers.refused, answers.toString());
    }

    @Test
    void answersUnderFunctionSchemasAreValid() throws IOException {
        var answers = new SampledAnswers(vocabulary(), SchemaOptions.Reading.INTENDED);
        underFunctionSchemas(answers, 1, 40);
        assertEquals(List.of(), answers.disagreements, answers.toString());
        assertTrue(answers.answers > 1_200, answers.toString());
        assertEquals(0, answers.refused + answers.notEnforced, answers.toString());
    }

    private static void underRandomSchemas(
            SampledAnswers answers, int firstSeed, int schemas, int count, int maxTokens) {
        for (int seed = firstSeed; seed < firstSeed + schemas; seed++) {
            answers.sample(new RandomSchemas(seed).next(), count, maxTokens, seed);
        }
    }

    private static void underFunctionSchemas(SampledAnswers answers, int count, int maxTokens)
            throws IOException {
        long seed = 0;
        for (var schema : FunctionSchemas.of(SharedData.path("data/bfcl"))) {
            answers.sample(schema, count, maxTokens, seed++);
        }
    }

    /**
     * The long run.
     *
     * @param arguments random schemas per reading, of which each gives 10 answers; answers per
     *     function schema
     */
    public static void main(String[] arguments) throws IOException {
        int schemas = Integer.parseInt(arguments[0]);
        for (var reading : SchemaOptions.Reading.values()) {
            var answers = new SampledAnswers(vocabulary(), reading);
            underRandomSchemas(answers, 1_000_000, schemas, 10, 60);
            report("random schemas, " + reading, answers);
        }
        var answers = new SampledAnswers(vocabulary(), SchemaOptions.Reading.INTENDED);
        underFunctionSchemas(answers, Integer.parseInt(arguments[1]), 200);
        report("function schemas", answers);
    }

    private static void report(String what, SampledAnswers answers) {
        System.out.println(what + ": " + answers);
        answers.disagreements.stream().limit(10).forEach(System.out::println);
    }
}
