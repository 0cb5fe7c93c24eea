package io.chasqui.grammar;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.harrel.jsonschema.ValidatorFactory;
import dev.harrel.jsonschema.providers.JacksonNode;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Answers of {@link RandomAnswers} under many schemas, judged by an independent validator. */
final class SampledAnswers {
    private static final JsonMapper JSON =
            JsonMapper.builder()
                    .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
                    .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                    .build();

    private final GrammarVocabulary vocabulary;
    private final GrammarCompiler compiler;
    private final SchemaOptions options;

    int schemas;
    int unsatisfiable;
    int refused;
    int notEnforced;
    int answers;
    int cut;
    long tokens;
    final List<String> disagreements = new ArrayList<>();

    SampledAnswers(GrammarVocabulary vocabulary, SchemaOptions.Reading reading) {
        this.vocabulary = vocabulary;
        this.compiler = new GrammarCompiler(vocabulary, GrammarLimits.DEFAULT);
        this.options = new SchemaOptions(false, reading, JsonStyle.COMPACT);
    }

    /**
     * Samples some answers under a schema; those under one that is not wholly enforced don't count.
     */
    void sample(String schema, int count, int maxTokens, long seed) {
        schemas++;
        Grammar grammar;
        try {
            grammar = compiler.compile(new GrammarSpec.JsonSchema(schema, options));
        } catch (GrammarException e) {
            if (e.getMessage().startsWith("nothing matches")) {
                unsatisfiable++;
            } else {
                refused++;
            }
            return;
        }
        if (!grammar.notEnforced().isEmpty()) {
            notEnforced++;
            return;
        }
        var validator =
                new ValidatorFactory()
                        .withJsonNodeFactory(new JacksonNode.Factory(JSON))
                        .createValidator();
        validator.registerSchema(URI.create("urn:schema"), schema);
        var model = new RandomAnswers(vocabulary, seed);
        for (int i = 0; i < count; i++) {
            var answer = model.sample(grammar, maxTokens);
            answers++;
            tokens += answer.tokens();
            cut += answer.cut() ? 1 : 0;
            var text = new String(answer.text(), StandardCharsets.UTF_8);
            var complaint = complaint(validator, text);
            if (complaint != null) {
                disagreements.add(complaint + "\n  answer " + text + "\n  schema " + schema);
            }
        }
    }

    private static String complaint(dev.harrel.jsonschema.Validator validator, String text) {
        try {
            var value = JSON.readTree(text);
            var result = validator.validate(URI.create("urn:schema"), value);
            return result.isValid()
                    ? null
                    : result.getErrors().stream()
                            .map(
                                    e ->
                                            e.getInstanceLocation()
                                                    + " "
                                                    + e.getKeyword()
                                                    + " "
                                                    + e.getError())
                            .toList()
                            .toString();
        } catch (IOException e) {
            return "not JSON: " + e.getMessage();
        }
    }

    @Override
    public String toString() {
        return "%d schemas (%d unsatisfiable, %d refused, %d not wholly enforced), %d answers"
                        .formatted(schemas, unsatisfiable, refused, notEnforced, answers)
                + " (%d cut), %d tokens, %d disagreements"
                        .formatted(cut, tokens, disagreements.size());
    }
}
