package io.chasqui.http;

import com.fasterxml.jackson.databind.JsonNode;
import io.chasqui.grammar.GrammarSpec;
import io.chasqui.grammar.JsonStyle;
import io.chasqui.grammar.SchemaOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What an answer must be, by {@code response_format} or by vLLM's {@code structured_outputs}.
 *
 * @param param member that says so, for errors
 * @param spec null when the answer is free
 */
record AnswerFormat(String param, GrammarSpec spec) {
    private static final AnswerFormat FREE = new AnswerFormat("response_format", null);
    private static final Pattern NAME = Pattern.compile("[a-zA-Z0-9_-]{1,64}");
    private static final int MAX_TYPE = 64;
    private static final int MAX_TEXT = 1 << 20;
    private static final int MAX_CHOICES = 10_000;

    static AnswerFormat read(Fields body) {
        var format = responseFormat(body.object("response_format"));
        var structured = structuredOutputs(body.object("structured_outputs"));
        if (structured == null) {
            return format;
        }
        if (format.spec != null) {
            throw ApiException.invalid(
                    "structured_outputs",
                    "'structured_outputs' and 'response_format' both say what the answer must be."
                            + " Send one.");
        }
        return structured;
    }

    private static AnswerFormat responseFormat(Fields format) {
        if (format == null) {
            return FREE;
        }
        format.require("type");
        var type = format.text("type", MAX_TYPE);
        var answer =
                switch (type) {
                    case "text" -> FREE;
                    case "json_object" ->
                            new AnswerFormat(
                                    "response_format",
                                    new GrammarSpec.JsonObject(JsonStyle.COMPACT));
                    case "json_schema" -> jsonSchema(format);
                    default -> throw format.wrong("type", "text, json_object or json_schema");
                };
        format.rejectUnknown();
        return answer;
    }

    private static AnswerFormat jsonSchema(Fields format) {
        format.require("json_schema");
        var wrapper = format.object("json_schema");
        wrapper.require("name");
        if (!NAME.matcher(wrapper.text("name", 64)).matches()) {
            throw wrapper.wrong("name", "1 to 64 letters, digits, '_' or '-'");
        }
        wrapper.text("description", MAX_TEXT);
        var strict = wrapper.flag("strict", false);
        var schema = wrapper.get("schema");
        wrapper.rejectUnknown();
        var param = wrapper.path("schema");
        return schema == null
                ? new AnswerFormat(param, new GrammarSpec.JsonObject(JsonStyle.COMPACT))
                : new AnswerFormat(param, schema(schema, param, strict));
    }

    private static GrammarSpec schema(JsonNode schema, String param, boolean strict) {
        if (!schema.isObject() && !schema.isBoolean()) {
            throw ApiException.invalid(param, "'" + param + "' must be a JSON Schema.");
        }
        return new GrammarSpec.JsonSchema(
                schema.toString(), SchemaOptions.DEFAULT.withStrict(strict));
    }

    /** Exactly one kind, as vLLM has it. */
    private static AnswerFormat structuredOutputs(Fields structured) {
        if (structured == null) {
            return null;
        }
        var kinds = new ArrayList<AnswerFormat>();
        var json = structured.get("json");
        if (json != null) {
            kinds.add(new AnswerFormat(structured.path("json"), json(structured, json)));
        }
        if (structured.flag("json_object", false)) {
            kinds.add(
                    new AnswerFormat(
                            structured.path("json_object"),
                            new GrammarSpec.JsonObject(JsonStyle.COMPACT)));
        }
        var regex = structured.text("regex", MAX_TEXT);
        if (regex != null) {
            kinds.add(new AnswerFormat(structured.path("regex"), new GrammarSpec.Regex(regex)));
        }
        var choice = structured.array("choice", MAX_CHOICES);
        if (choice != null) {
            kinds.add(new AnswerFormat(structured.path("choice"), choice(structured, choice)));
        }
        var grammar = structured.text("grammar", MAX_TEXT);
        if (grammar != null) {
            kinds.add(new AnswerFormat(structured.path("grammar"), new GrammarSpec.Gbnf(grammar)));
        }
        structured.rejectUnknown();
        if (kinds.size() != 1) {
            throw ApiException.invalid(
                    "structured_outputs",
                    "'structured_outputs' must have one of json, json_object, regex, choice and"
                            + " grammar.");
        }
        return kinds.getFirst();
    }

    /** A schema as such, or its text. */
    private static GrammarSpec json(Fields structured, JsonNode json) {
        return json.isTextual()
                ? new GrammarSpec.JsonSchema(
                        structured.text("json", MAX_TEXT), SchemaOptions.DEFAULT)
                : schema(json, structured.path("json"), false);
    }

    private static GrammarSpec choice(Fields structured, JsonNode choice) {
        if (choice.isEmpty()) {
            throw structured.wrong("choice", "a list of at least one text");
        }
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < choice.size(); i++) {
            texts.add(Fields.text(choice.get(i), structured.path("choice[" + i + "]"), MAX_TEXT));
        }
        return new GrammarSpec.Choice(texts);
    }

    /** Whether the answer is JSON, in which no call of a tool can be mistaken for it. */
    boolean isJson() {
        return spec instanceof GrammarSpec.JsonObject || spec instanceof GrammarSpec.JsonSchema;
    }

    /** Whether the answer may be any text. */
    boolean isFree() {
        return spec == null;
    }
}
