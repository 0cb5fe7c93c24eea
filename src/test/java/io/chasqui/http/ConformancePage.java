package io.chasqui.http;

import io.chasqui.http.Conformance.Endpoint;
import io.chasqui.http.Conformance.Row;
import io.chasqui.http.Conformance.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** Writes docs/conformance.md from the rows that {@link ConformanceTest} tries. */
final class ConformancePage {
    static final Path PAGE = Path.of("docs/conformance.md");

    private static final String HEAD =
            """
            # Conformance

            What this server does with every parameter of the OpenAI API's chat completions, completions and
            models, and of vLLM's extensions of them. This page is written by `ConformancePage` from the table
            that `ConformanceTest` tries on a running server; a test compares the two, and another looks for
            a row for each property of the API's own description.

            - **honoured**: changes the result as specified. The tests named show it by its effect.
            - **refused**: an error that names it, with the code `unsupported_parameter`, unless it is null or
              asks for what happens anyway; what lies inside it is refused with it.
            - **hint**: checked, and changes no token.

            For every parameter: null is the same as absent. Nothing is converted: `"1"`, `true` and `1.5` are
            no integers, and `NaN`, `Infinity` and `1e400` are no numbers. A value of the wrong type or outside
            its range is answered 400 with the code `invalid_value` and its path in `param`; a schema, regular
            expression or grammar that cannot be enforced, 400 with `invalid_schema`; a name that is not in the
            table, 400 with `unknown_parameter`. `NumberBoundariesTest` tries the bounds of every number, and
            `PairwiseTest` any two parameters together, in a server that is short of memory.

            """;

    private ConformancePage() {}

    static String page() {
        var page = new StringBuilder(HEAD);
        addCounts(page);
        for (var endpoint : Endpoint.values()) {
            page.append("\n## ").append(title(endpoint)).append("\n\n");
            page.append("| parameter | | what happens | shown by |\n|---|---|---|---|\n");
            Conformance.rows(endpoint).forEach(row -> addRow(row, page));
        }
        return page.toString();
    }

    private static void addCounts(StringBuilder page) {
        page.append(
                "| endpoint | honoured | refused | hint | requests accepted | not accepted |\n");
        page.append("|---|---|---|---|---|---|\n");
        for (var endpoint : Endpoint.values()) {
            addCounts("`" + title(endpoint) + "`", Conformance.rows(endpoint), page);
        }
        addCounts("**all**", Conformance.rows(), page);
    }

    private static void addCounts(String name, List<Row> rows, StringBuilder page) {
        page.append("| ").append(name);
        for (var verdict : Verdict.values()) {
            page.append(" | ").append(rows.stream().filter(r -> r.verdict() == verdict).count());
        }
        page.append(" | ").append(rows.stream().mapToInt(r -> r.accepts().size()).sum());
        page.append(" | ").append(rows.stream().mapToInt(r -> r.rejects().size()).sum());
        page.append(" |\n");
    }

    private static String title(Endpoint endpoint) {
        return endpoint == Endpoint.MODELS
                ? "GET /v1/models and /v1/models/{id}"
                : "POST " + endpoint.path;
    }

    private static void addRow(Row row, StringBuilder page) {
        var tests = row.tests().stream().map(t -> "`" + t + "`").collect(Collectors.joining(", "));
        page.append(
                "| `%s` | %s | %s | %s |\n"
                        .formatted(
                                row.path(),
                                row.verdict().name().toLowerCase(Locale.ROOT),
                                row.what(),
                                tests.isEmpty() ? "`ConformanceTest`" : tests));
    }

    public static void main(String[] arguments) throws IOException {
        Files.writeString(PAGE, page());
    }
}
