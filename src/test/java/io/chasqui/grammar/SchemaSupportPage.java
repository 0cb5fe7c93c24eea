package io.chasqui.grammar;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeSet;

/** Writes docs/json-schema.md from a run of the JSON-Schema-Test-Suite. */
final class SchemaSupportPage {
    static final Path PAGE = Path.of("docs/json-schema.md");

    private static final String HEAD =
            """
            # JSON Schema

            Which keywords of JSON Schema (draft 2020-12) an answer is held to. This page is written by
            `SchemaSupportPage` from a run of the JSON-Schema-Test-Suite; a test compares the two.

            A schema becomes an automaton that says, token by token, what may come next. So an enforced
            keyword holds for every answer that ends by itself, whatever the model, and an answer that was
            cut is the beginning of one that holds.

            - **White space**: none (`{"a":1,"b":[2,3]}`).
            - **Order**: members come in the order of `properties`, then required ones that are not listed
              there, then others.
            - **Strings**: with `pattern`, `format`, a length or a name to avoid, in canonical spelling, that is
              with escapes only where JSON needs them; otherwise any valid escape.
            - **Numbers**: at most 40 digits before the point and after it, and exponents of two digits; with
              bounds or `multipleOf`, plain decimals with at most 20 places. An integer has no point.
            - **Depth**: free JSON nests to about 60 levels.
            - **`strict`**: a keyword that cannot be enforced is an error that names it. Without `strict` it is
              let go. A keyword that is malformed, a `$ref` that leaves the schema, and a schema that nothing
              satisfies are errors always.
            - **What a schema leaves unsaid**, in requests: an object that lists its `properties` has no
              others unless `additionalProperties` or `patternProperties` says so; without `type`, keywords of
              one type tell the type; `nullable` adds null. The table below was made without these
              conventions, by the letter of the specification.
            - `oneOf` is enforced when its branches exclude each other by type, by range, by `enum` or by a
              required member; otherwise one or more of them hold, as with `anyOf`.
            - `not` and `if` are enforced for conditions made of `type`, `enum` and `const` of strings, booleans
              and null, `pattern`, bounds, `required`, `properties`, `anyOf`, `allOf` and `not`.
            - `unevaluatedProperties` and `unevaluatedItems` are enforced in a schema that applies no other to the
              same value.
            - `minProperties` above one is enforced unless names are free, since a free name could come twice.
            - Regular expressions are ECMAScript's without back-references, word boundaries and look-behind;
              look-ahead at the beginning only.

            ## Keywords

            Groups are schemas of the suite. Instances are counted under schemas that are wholly enforced:
            each is written in canonical form, its members in some order. Valid ones that are not accepted
            are outside the limits above.

            """;

    private static final String COLUMNS =
            """
            | %s | groups | enforced | valid accepted | invalid accepted | kept from it by |
            |---|---|---|---|---|---|
            """;

    private SchemaSupportPage() {}

    static String page(Path suite) throws IOException {
        var runner = new JsonSchemaTestSuite(SchemaOptions.Reading.LITERAL);
        var page = new StringBuilder(HEAD);
        addTable("suite file", runner.run(suite), page);
        page.append("\n## Optional parts\n\n");
        addTable("suite file", runner.run(suite.resolve("optional")), page);
        page.append("\n## Formats\n\n");
        page.append("An unknown format is not enforced.\n\n");
        addTable("format", runner.run(suite.resolve("optional/format")), page);
        return page.toString();
    }

    private static void addTable(
            String name, Map<String, JsonSchemaTestSuite.Count> counts, StringBuilder page) {
        page.append(COLUMNS.formatted(name));
        var total = new JsonSchemaTestSuite.Count();
        counts.forEach(
                (file, count) -> {
                    addRow("`" + file + "`", count, page);
                    total.groups += count.groups;
                    total.enforced += count.enforced;
                    total.valid += count.valid;
                    total.validAccepted += count.validAccepted;
                    total.invalid += count.invalid;
                    total.invalidAccepted.addAll(count.invalidAccepted);
                });
        addRow("**all**", total, page);
    }

    private static void addRow(String name, JsonSchemaTestSuite.Count count, StringBuilder page) {
        var reasons = new TreeSet<String>();
        count.notEnforced.keySet().forEach(k -> reasons.add("`" + k + "`"));
        count.refused.keySet().forEach(k -> reasons.add("`" + k + "` (refused)"));
        page.append("| ")
                .append(name)
                .append(" | ")
                .append(count.groups)
                .append(" | ")
                .append(count.enforced)
                .append(" | ")
                .append(count.validAccepted + " of " + count.valid)
                .append(" | ")
                .append(count.invalidAccepted.size() + " of " + count.invalid)
                .append(" | ")
                .append(String.join(", ", reasons))
                .append(" |\n");
    }

    /**
     * @param arguments the folder tests-draft2020-12 of the suite
     */
    public static void main(String[] arguments) throws IOException {
        Files.writeString(PAGE, page(Path.of(arguments[0])));
    }
}
