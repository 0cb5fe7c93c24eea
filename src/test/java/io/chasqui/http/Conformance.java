package io.chasqui.http;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * What the server does with each parameter of an endpoint, with requests that show it. Read from
 * {@code src/test/resources/conformance}, where a row is
 *
 * <pre>
 * == path | verdict | what happens, in a sentence | Test.method, Test.method
 * = members of a request whose answer that of each + must equal (when hint or refused)
 * + members of a request that is accepted
 * - members of a request that is not | code | param
 * </pre>
 *
 * Members are added to those of {@link Endpoint#base}, in place of one of the same name; {@code
 * !name,} takes one away. A param that is not given is the row's path.
 */
final class Conformance {
    /** What becomes of a parameter. */
    enum Verdict {
        /** Changes the result as specified. */
        HONOURED,
        /** Is an error, unless it is null or asks for what happens anyway. */
        REFUSED,
        /** Is checked and changes no token. */
        HINT
    }

    /** Where requests go, and what each has. */
    enum Endpoint {
        CHAT_COMPLETIONS(
                "/v1/chat/completions",
                "\"model\":\"roomy-hash\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":4,\"seed\":1"),
        COMPLETIONS(
                "/v1/completions",
                "\"model\":\"hash\",\"prompt\":\"hi\",\"max_tokens\":4,\"seed\":1"),
        MODELS("/v1/models/", null),
        TOKENIZE("/tokenize", "\"model\":\"hash\",\"prompt\":\"hi\""),
        DETOKENIZE("/detokenize", "\"model\":\"hash\",\"tokens\":[104,105]");

        final String path;

        /** Members that a request has unless a case says otherwise; null where it has no body. */
        final String base;

        Endpoint(String path, String base) {
            this.path = path;
            this.base = base;
        }

        String resource() {
            return "/conformance/" + name().toLowerCase(Locale.ROOT).replace('_', '-') + ".txt";
        }
    }

    /** In a row's sentence: the rows of chat say the rest. */
    private static final String AS_FOR_CHAT = "as for chat";

    /** A request that is not accepted. */
    record Reject(String members, String code, String param) {
        int status() {
            return code.equals("model_not_found") ? 404 : 400;
        }
    }

    /**
     * One parameter.
     *
     * @param path e.g. {@code messages[].role}
     * @param tests {@code Test.method} that show its effect
     * @param twin members of a request that is answered like the accepted ones; maybe empty
     */
    record Row(
            Endpoint endpoint,
            String path,
            Verdict verdict,
            String what,
            List<String> tests,
            String twin,
            List<String> accepts,
            List<Reject> rejects) {
        @Override
        public String toString() {
            return endpoint.path + " " + path;
        }

        /**
         * Whether a path of a description is this one, or lies under it and is refused with it or
         * described elsewhere.
         */
        boolean covers(String other) {
            boolean under = other.startsWith(path + ".") || other.startsWith(path + "[");
            boolean whole =
                    verdict == Verdict.REFUSED
                            || what.toLowerCase(Locale.ROOT).contains(AS_FOR_CHAT);
            return other.equals(path) || under && whole;
        }
    }

    private Conformance() {}

    static List<Row> rows() {
        return Arrays.stream(Endpoint.values()).flatMap(e -> rows(e).stream()).toList();
    }

    static List<Row> rows(Endpoint endpoint) {
        var rows = new ArrayList<Row>();
        for (var block : text(endpoint).split("(?m)^== ")) {
            if (!block.isBlank()) {
                rows.add(row(endpoint, block.strip().split("\n")));
            }
        }
        return rows;
    }

    private static String text(Endpoint endpoint) {
        try (var in = Conformance.class.getResourceAsStream(endpoint.resource())) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Row row(Endpoint endpoint, String[] lines) {
        var head = lines[0].split(" \\| ");
        var tests = head.length < 4 ? List.<String>of() : List.of(head[3].split(", "));
        var twin = "";
        var accepts = new ArrayList<String>();
        var rejects = new ArrayList<Reject>();
        for (var line : List.of(lines).subList(1, lines.length)) {
            var rest = line.substring(2);
            switch (line.substring(0, 2)) {
                case "= " -> twin = rest;
                case "+ " -> accepts.add(rest);
                case "- " -> rejects.add(reject(rest.split(" \\| "), head[0]));
                default -> throw new IllegalArgumentException("no line of a row: " + line);
            }
        }
        return new Row(
                endpoint,
                head[0],
                Verdict.valueOf(head[1].toUpperCase(Locale.ROOT)),
                head[2],
                tests,
                twin,
                List.copyOf(accepts),
                List.copyOf(rejects));
    }

    private static Reject reject(String[] parts, String path) {
        return new Reject(parts[0], parts[1], parts.length < 3 ? path : parts[2]);
    }
}
