package io.chasqui.grammar;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Grammars that engines find hard, by name. */
final class HardGrammars {
    private HardGrammars() {}

    static Map<String, GrammarSpec> all() {
        var all = new LinkedHashMap<String, GrammarSpec>();
        schemas()
                .forEach(
                        (name, schema) ->
                                all.put(
                                        name,
                                        new GrammarSpec.JsonSchema(schema, SchemaOptions.DEFAULT)));
        all.put("regex of words", new GrammarSpec.Regex("[a-z]+( [a-z]+)*"));
        all.put("regex of 0 to 300", new GrammarSpec.Regex("[^\\n]{0,300}"));
        all.put(
                "regex of a date or a name",
                new GrammarSpec.Regex("\\d{4}-\\d\\d-\\d\\d|\\p{Lu}\\p{Ll}{1,20}"));
        all.put(
                "lines",
                new GrammarSpec.Gbnf("root ::= (line \"\\n\")+\nline ::= \"- \" [^\\n]{1,80}"));
        all.put(
                "arithmetic",
                new GrammarSpec.Gbnf(
                        "root ::= expr\nexpr ::= term ([-+*/] term)*\n"
                                + "term ::= [a-z]+ | [0-9]+ | \"(\" expr \")\""));
        all.put(
                "text with a call",
                new GrammarSpec.Sequence(
                        List.of(
                                new GrammarSpec.Regex("[^<]*"),
                                new GrammarSpec.Choice(List.of("<call>")),
                                new GrammarSpec.JsonObject(JsonStyle.COMPACT),
                                new GrammarSpec.Choice(List.of("</call>")))));
        return all;
    }

    private static Map<String, String> schemas() {
        var all = new LinkedHashMap<String, String>();
        all.put("anything", "true");
        all.put(
                "person",
                "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"age\":"
                        + "{\"type\":\"integer\",\"minimum\":0,\"maximum\":150},\"email\":"
                        + "{\"type\":\"string\",\"format\":\"email\"}},\"required\":[\"name\",\"age\"]}");
        all.put(
                "list of records",
                "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"id\":"
                        + "{\"type\":\"string\",\"format\":\"uuid\"},\"at\":{\"type\":\"string\","
                        + "\"format\":\"date-time\"},\"score\":{\"type\":\"number\",\"minimum\":0,"
                        + "\"maximum\":1},\"tags\":{\"type\":\"array\",\"items\":{\"enum\":[\"red\","
                        + "\"green\",\"blue\"]},\"maxItems\":3}}},\"minItems\":1}");
        all.put(
                "tree",
                "{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":"
                        + "{\"v\":{\"type\":\"string\"},\"l\":{\"anyOf\":[{\"$ref\":\"#/$defs/n\"},"
                        + "{\"type\":\"null\"}]},\"r\":{\"anyOf\":[{\"$ref\":\"#/$defs/n\"},"
                        + "{\"type\":\"null\"}]}},\"required\":[\"v\",\"l\",\"r\"]}}}");
        all.put(
                "JSON of one's own",
                "{\"$ref\":\"#/$defs/v\",\"$defs\":{\"v\":{\"anyOf\":[{\"type\":\"object\","
                        + "\"additionalProperties\":{\"$ref\":\"#/$defs/v\"}},{\"type\":\"array\","
                        + "\"items\":{\"$ref\":\"#/$defs/v\"}},{\"type\":\"string\"},"
                        + "{\"type\":\"number\"},{\"type\":\"boolean\"},{\"type\":\"null\"}]}}}");
        all.put("string of 2 to 200", "{\"type\":\"string\",\"minLength\":2,\"maxLength\":200}");
        all.put("string of 5,000", "{\"type\":\"string\",\"maxLength\":5000}");
        all.put(
                "two fields of 1,000",
                "{\"properties\":{\"title\":{\"type\":\"string\",\"maxLength\":1000},\"body\":"
                        + "{\"type\":\"string\",\"maxLength\":1000}},\"required\":[\"title\",\"body\"],"
                        + "\"additionalProperties\":false}");
        all.put(
                "lookaheads",
                "{\"type\":\"string\",\"pattern\":\"^(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9 _-]{8,40}$\"}");
        all.put("slug", "{\"type\":\"string\",\"pattern\":\"^[a-z0-9]+(-[a-z0-9]+)*$\"}");
        all.put(
                "phone or plate",
                "{\"type\":\"string\",\"pattern\":\"^(\\\\+[0-9]{1,3} )?[0-9 ]{6,14}$|"
                        + "^[A-ZÄÖÜ]{1,3}-[A-Z]{1,2} [0-9]{1,4}$\"}");
        for (var format :
                new String[] {"date-time", "email", "uri", "hostname", "ipv6", "uuid", "time"}) {
            all.put(format, "{\"type\":\"string\",\"format\":\"" + format + "\"}");
        }
        all.put(
                "open object",
                "{\"properties\":{\"id\":{\"type\":\"integer\"}},"
                        + "\"patternProperties\":{\"^x-\":{\"type\":\"string\"}},"
                        + "\"additionalProperties\":{\"type\":\"boolean\"}}");
        all.put(
                "40 optional members",
                object(40, i -> "{\"type\":[\"integer\",\"string\"]}", false));
        all.put("100 required members", object(100, i -> "{\"type\":\"string\"}", true));
        all.put("100 optional members", object(100, i -> "{\"type\":\"number\"}", false));
        all.put("enum of 100", "{\"enum\":[" + names(100) + "]}");
        all.put("enum of 5,000", "{\"enum\":[" + names(5_000) + "]}");
        all.put(
                "any of 50 objects",
                "{\"anyOf\":["
                        + list(
                                50,
                                i ->
                                        "{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":\"k"
                                                + i
                                                + "\"},\"value_"
                                                + i % 7
                                                + "\":{\"type\":\"string\"}},\"required\":[\"kind\"],"
                                                + "\"additionalProperties\":false}")
                        + "]}");
        all.put(
                "20 deep",
                IntStream.range(0, 20)
                        .boxed()
                        .reduce(
                                "{\"type\":\"string\"}",
                                (inner, i) ->
                                        "{\"type\":\"object\",\"properties\":{\"level\":"
                                                + inner
                                                + ",\"n\":{\"type\":\"integer\"}},\"required\":[\"level\"]}",
                                (a, b) -> b));
        all.put(
                "numbers",
                "{\"type\":\"array\",\"items\":{\"type\":\"number\",\"minimum\":-12.5,\"maximum\":"
                        + "99999.25,\"multipleOf\":0.25},\"minItems\":3,\"maxItems\":60}");
        return all;
    }

    private static String object(
            int members, java.util.function.IntFunction<String> schema, boolean required) {
        return "{\"type\":\"object\",\"properties\":{"
                + list(members, i -> "\"field_" + i + "\":" + schema.apply(i))
                + "},\"additionalProperties\":false"
                + (required
                        ? ",\"required\":[" + list(members, i -> "\"field_" + i + "\"") + "]"
                        : "")
                + "}";
    }

    private static String names(int count) {
        return list(count, i -> "\"" + Integer.toString(i * 7919 + 11, 36) + " of " + i + "\"");
    }

    private static String list(int count, java.util.function.IntFunction<String> element) {
        return IntStream.range(0, count).mapToObj(element).collect(Collectors.joining(","));
    }
}
