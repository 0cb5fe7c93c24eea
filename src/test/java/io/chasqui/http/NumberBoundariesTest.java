package io.chasqui.http;

import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every number of a request at, inside and outside its bounds, and in every wrong shape. */
class NumberBoundariesTest {
    private static final String INT_MAX = "2147483647";
    private static final String LONG_MAX = "9223372036854775807";

    /** What is no number of any field, whatever its range. */
    private static final List<String> NEVER =
            List.of("1e400", "-1e400", "\"1\"", "[]", "{}", "true", "\"NaN\"");

    private static final List<String> NO_INTEGER =
            List.of("1.5", "1.0", "1e0", "-0.0", "1" + "0".repeat(60));

    /**
     * @param good accepted values
     * @param bad values outside the range
     * @param context other members that the field needs
     */
    private record Field(
            String name,
            boolean chat,
            boolean integer,
            List<String> good,
            List<String> bad,
            String context) {
        @Override
        public String toString() {
            return (chat ? "chat " : "completion ") + name;
        }

        String members(String value) {
            return "\"" + name + "\":" + value + context;
        }

        Consumer<String> reader() {
            return chat ? RequestTable::chatWith : RequestTable::completionWith;
        }
    }

    static Stream<Field> fields() {
        var own =
                Stream.of(
                        integer("max_tokens", true, List.of("1", INT_MAX), List.of("0", "-1")),
                        integer(
                                "max_completion_tokens",
                                true,
                                List.of("1", INT_MAX),
                                List.of("0", "-1")),
                        new Field(
                                "top_logprobs",
                                true,
                                true,
                                List.of("0", "20"),
                                List.of("-1", "21"),
                                ",\"logprobs\":true"),
                        integer("max_tokens", false, List.of("1", INT_MAX), List.of("0", "-1")),
                        new Field(
                                "max_tokens",
                                false,
                                true,
                                List.of("0", "1"),
                                List.of("-1"),
                                ",\"echo\":true"),
                        integer("logprobs", false, List.of("0", "20"), List.of("-1", "21")));
        return Stream.concat(own, Stream.of(true, false).flatMap(NumberBoundariesTest::shared));
    }

    private static Stream<Field> shared(boolean chat) {
        return Stream.of(
                integer("n", chat, List.of("1", "8"), List.of("0", "-1", "9")),
                integer("min_tokens", chat, List.of("0", INT_MAX), List.of("-1")),
                integer("top_k", chat, List.of("-1", "0", INT_MAX), List.of("-2")),
                integer("priority", chat, List.of("-2147483648", INT_MAX), List.of("-2147483649")),
                new Field(
                        "seed",
                        chat,
                        true,
                        List.of("0", "-1", "9007199254740992", LONG_MAX, "-9223372036854775808"),
                        List.of("9223372036854775808", "-9223372036854775809"),
                        ""),
                number("temperature", chat, List.of("0", "2", "-0.0", "1e-300"), "-0.001", "2.001"),
                number("top_p", chat, List.of("0", "1", "0.5"), "-0.001", "1.001"),
                number("min_p", chat, List.of("0", "1"), "-0.001", "1.001"),
                number(
                        "repetition_penalty",
                        chat,
                        List.of("1e-9", "1", "10"),
                        "0",
                        "10.001",
                        "-0.0"),
                number("presence_penalty", chat, List.of("-2", "2"), "-2.001", "2.001"),
                number("frequency_penalty", chat, List.of("-2", "2"), "-2.001", "2.001"));
    }

    private static Field integer(String name, boolean chat, List<String> good, List<String> bad) {
        var tooMuch = List.of("2147483648", "9007199254740992", "9223372036854775808");
        return new Field(
                name, chat, true, good, Stream.concat(bad.stream(), tooMuch.stream()).toList(), "");
    }

    private static Field number(String name, boolean chat, List<String> good, String... bad) {
        var tooMuch = Stream.of("2147483648", "9007199254740992", "9223372036854775808");
        return new Field(
                name, chat, false, good, Stream.concat(Stream.of(bad), tooMuch).toList(), "");
    }

    @ParameterizedTest
    @MethodSource("fields")
    void acceptsItsRangeAndNull(Field field) {
        for (var value : field.good()) {
            RequestTable.accepts(
                    field + " " + value, () -> field.reader().accept(field.members(value)));
        }
        RequestTable.accepts(field + " null", () -> field.reader().accept(field.members("null")));
    }

    @ParameterizedTest
    @MethodSource("fields")
    void rejectsEverythingElse(Field field) {
        var wrong = Stream.concat(field.bad().stream(), NEVER.stream());
        var all = field.integer() ? Stream.concat(wrong, NO_INTEGER.stream()) : wrong;
        all.forEach(
                value ->
                        RequestTable.rejects(
                                field + " " + value,
                                () -> field.reader().accept(field.members(value)),
                                "invalid_value",
                                field.name()));
    }

    @ParameterizedTest
    @MethodSource("fields")
    void doesNotReadWhatIsNoJson(Field field) {
        for (var value : List.of("NaN", "Infinity", "-Infinity", "+1", "01", ".5", "0x1")) {
            RequestTable.rejects(
                    field + " " + value,
                    () -> field.reader().accept(field.members(value)),
                    "invalid_json",
                    null);
        }
    }
}
