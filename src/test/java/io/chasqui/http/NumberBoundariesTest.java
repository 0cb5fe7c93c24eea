package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.chasqui.http.Conformance.Endpoint;
import io.quarkus.test.junit.QuarkusTest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every number of a request at, inside and outside its bounds, and in every wrong shape, as a
 * running server answers it.
 */
@QuarkusTest
class NumberBoundariesTest extends HttpTestBase {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String INT_MIN = "-2147483648";
    private static final String INT_MAX = "2147483647";
    private static final String OK = "ok";
    private static final String WRONG = "invalid_value";

    /** What is no number of any field, whatever its range. */
    private static final List<String> NEVER =
            List.of("1e400", "-1e400", "\"1\"", "\"NaN\"", "true", "[]", "{}", "[1]");

    private static final List<String> NO_INTEGER =
            List.of("1.5", "1.0", "1e0", "-0.0", "1" + "0".repeat(60));

    private static final List<String> LARGE =
            List.of("2147483648", "9007199254740992", "9223372036854775808", "1" + "0".repeat(60));

    /** What is no JSON, and a number that is longer than any that is read. */
    private static final List<String> NO_JSON =
            List.of("NaN", "Infinity", "-Infinity", "+1", "01", ".5", "0x1", "1" + "0".repeat(100));

    /**
     * A number in a request.
     *
     * @param param as errors name it
     * @param members of the request; %s is the number
     * @param nullable whether null is the same as absent
     * @param expected code of the error for a value, or {@link #OK}; what is not listed is tried
     *     and not allowed
     */
    private record Number(
            Endpoint endpoint,
            String param,
            String members,
            boolean nullable,
            boolean integer,
            Map<String, String> expected) {

        @Override
        public String toString() {
            return endpoint.path + " " + param;
        }

        Number in(String members) {
            return new Number(endpoint, param, members, nullable, integer, expected);
        }

        Number named(String param) {
            return new Number(endpoint, param, members, false, integer, expected);
        }

        /** Another answer to some values. */
        Number but(String code, String... values) {
            var changed = new LinkedHashMap<>(expected);
            for (var value : values) {
                changed.put(value, code);
            }
            return new Number(endpoint, param, members, nullable, integer, changed);
        }
    }

    private static Number number(
            Endpoint endpoint, String name, boolean integer, String... accepted) {
        var expected = new LinkedHashMap<String, String>();
        NEVER.forEach(value -> expected.put(value, WRONG));
        LARGE.forEach(value -> expected.put(value, WRONG));
        if (integer) {
            NO_INTEGER.forEach(value -> expected.put(value, WRONG));
        }
        for (var value : accepted) {
            expected.put(value, OK);
        }
        return new Number(endpoint, name, "\"" + name + "\":%s", true, integer, expected);
    }

    private static Number integer(Endpoint endpoint, String name, String... accepted) {
        return number(endpoint, name, true, accepted);
    }

    private static Number real(Endpoint endpoint, String name, String... accepted) {
        return number(endpoint, name, false, accepted);
    }

    static Stream<Number> numbers() {
        var numbers = new ArrayList<Number>();
        numbers.addAll(chat());
        numbers.addAll(completions());
        numbers.addAll(shared(Endpoint.CHAT_COMPLETIONS));
        numbers.addAll(shared(Endpoint.COMPLETIONS));
        numbers.add(
                integer(Endpoint.DETOKENIZE, "tokens[0]", "0", "258")
                        .in("\"tokens\":[%s]")
                        .named("tokens[0]")
                        .but(WRONG, "-1", "259", INT_MAX));
        return numbers.stream();
    }

    private static List<Number> chat() {
        var chat = Endpoint.CHAT_COMPLETIONS;
        var tooLong = "context_length_exceeded";
        return List.of(
                integer(chat, "max_tokens", "1", "400").but(WRONG, "0", "-1").but(tooLong, INT_MAX),
                integer(chat, "max_completion_tokens", "1", "400")
                        .but(WRONG, "0", "-1")
                        .but(tooLong, INT_MAX),
                integer(chat, "top_logprobs", "0", "20")
                        .in("\"logprobs\":true,\"top_logprobs\":%s")
                        .but(WRONG, "-1", "21", INT_MAX),
                integer(chat, "messages[0].tool_calls[0].index", "0", INT_MAX)
                        .in(
                                "\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\",\"index\":%s,"
                                        + "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}]")
                        .but(WRONG, "-1"));
    }

    private static List<Number> completions() {
        var completions = Endpoint.COMPLETIONS;
        var tooLong = "context_length_exceeded";
        return List.of(
                integer(completions, "max_tokens", "1", "400")
                        .but(WRONG, "0", "-1")
                        .but(tooLong, INT_MAX),
                integer(completions, "max_tokens", "0", "1")
                        .in("\"echo\":true,\"max_tokens\":%s")
                        .but(WRONG, "-1")
                        .but(tooLong, INT_MAX),
                integer(completions, "logprobs", "0", "20").but(WRONG, "-1", "21", INT_MAX),
                integer(completions, "best_of", "1")
                        .but(WRONG, "0", "-1")
                        .but("unsupported_parameter", "2", INT_MAX),
                integer(completions, "prompt[1]", "0", "258")
                        .in("\"prompt\":[1,%s]")
                        .named("prompt[1]")
                        .but(WRONG, "-1"),
                integer(completions, "prompt[0][0]", "0", "258")
                        .in("\"prompt\":[[%s]]")
                        .named("prompt[0][0]")
                        .but(WRONG, "-1"));
    }

    private static List<Number> shared(Endpoint endpoint) {
        return List.of(
                integer(endpoint, "n", "1", "8").but(WRONG, "0", "-1", "9", INT_MAX),
                integer(endpoint, "min_tokens", "0", "4").but(WRONG, "-1", "5", INT_MAX),
                integer(endpoint, "top_k", "-1", "0", "1", INT_MAX).but(WRONG, "-2", INT_MIN),
                integer(endpoint, "priority", INT_MIN, "0", INT_MAX).but(WRONG, "-2147483649"),
                integer(
                                endpoint,
                                "seed",
                                "-9223372036854775808",
                                "-1",
                                "0",
                                "2147483648",
                                "9007199254740992",
                                "9223372036854775807")
                        .but(WRONG, "-9223372036854775809"),
                integer(endpoint, "stop_token_ids[1]", "0", "258")
                        .in("\"stop_token_ids\":[1,%s]")
                        .named("stop_token_ids[1]")
                        .but(WRONG, "-1"),
                real(endpoint, "temperature", "0", "2", "-0.0", "1e-300", "1.0")
                        .but(WRONG, "-0.001", "2.001"),
                real(endpoint, "top_p", "0", "1", "-0.0", "1e-300").but(WRONG, "-0.001", "1.001"),
                real(endpoint, "min_p", "0", "1", "-0.0", "1e-300").but(WRONG, "-0.001", "1.001"),
                real(endpoint, "repetition_penalty", "1e-300", "1e-9", "1", "10")
                        .but(WRONG, "0", "-0.0", "-1", "10.001"),
                real(endpoint, "presence_penalty", "-2", "2", "-0.0").but(WRONG, "-2.001", "2.001"),
                real(endpoint, "frequency_penalty", "-2", "2", "-0.0")
                        .but(WRONG, "-2.001", "2.001"),
                real(endpoint, "logit_bias.5", "-100", "100", "-0.0", "1.5")
                        .in("\"logit_bias\":{\"5\":%s}")
                        .named("logit_bias.5")
                        .but(WRONG, "-100.001", "100.001"));
    }

    /** Code and param of the error, or {@link #OK}. */
    private String outcome(Number number, String value) throws JsonProcessingException {
        var members = number.members().replace("%s", value);
        var body = RequestMembers.object(number.endpoint().base, members);
        var response = post(number.endpoint().path, body);
        if (response.statusCode() == 200) {
            return OK;
        }
        assertEquals(400, response.statusCode(), value + ": " + response.body());
        var error = JSON.readTree(response.body()).get("error");
        return error.get("code").textValue() + " " + error.get("param").textValue();
    }

    @ParameterizedTest
    @MethodSource("numbers")
    void everyValueHasItsAnswer(Number number) throws JsonProcessingException {
        var expected = new LinkedHashMap<String, String>();
        var actual = new LinkedHashMap<String, String>();
        for (var entry : number.expected().entrySet()) {
            var code = entry.getValue();
            var param = code.startsWith("context") ? promptOf(number) : number.param();
            expected.put(entry.getKey(), code.equals(OK) ? OK : code + " " + param);
            actual.put(entry.getKey(), outcome(number, entry.getKey()));
        }
        for (var value : NO_JSON) {
            expected.put(value, "invalid_json null");
            actual.put(value, outcome(number, value));
        }
        expected.put("null", number.nullable() ? OK : WRONG + " " + number.param());
        actual.put("null", outcome(number, "null"));
        assertEquals(lines(expected), lines(actual));
    }

    private static String promptOf(Number number) {
        return number.endpoint() == Endpoint.CHAT_COMPLETIONS ? "messages" : "prompt";
    }

    private static String lines(Map<String, String> outcomes) {
        var lines = new StringBuilder();
        outcomes.forEach((value, outcome) -> lines.append(value + " -> " + outcome + "\n"));
        return lines.toString();
    }
}
