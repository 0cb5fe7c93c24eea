package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quarkus.test.junit.QuarkusTest;
import java.net.http.HttpResponse;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Answers byte by byte; only id and time are replaced. */
@QuarkusTest
class WireGoldenTest extends HttpTestBase {
    private static final String CHUNK =
            "\"id\":\"ID\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"short\","
                    + "\"system_fingerprint\":\"fp_test\"";
    private static final String TEXT =
            "\"id\":\"ID\",\"object\":\"text_completion\",\"created\":0,\"model\":\"short\","
                    + "\"system_fingerprint\":\"fp_test\"";
    private static final String USAGE =
            "\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":%d,\"total_tokens\":%d,"
                    + "\"prompt_tokens_details\":{\"cached_tokens\":%d},"
                    + "\"completion_tokens_details\":{\"reasoning_tokens\":0}}";

    private static final Pattern ID = Pattern.compile("\"id\":\"((chatcmpl|cmpl)-[0-9a-f]{32})\"");
    private static final Pattern CREATED = Pattern.compile("\"created\":(\\d{10})");

    private static String usage(int prompt, int completion, int cached) {
        return USAGE.formatted(prompt, completion, prompt + completion, cached);
    }

    /** The body, after a check that all its parts have one id and one time. */
    private static String body(HttpResponse<String> response) {
        assertEquals(200, response.statusCode(), response.body());
        var body = response.body();
        for (var pattern : new Pattern[] {ID, CREATED}) {
            var values = pattern.matcher(body).results().map(r -> r.group(1));
            assertEquals(1, values.collect(Collectors.toSet()).size());
        }
        return CREATED.matcher(ID.matcher(body).replaceAll("\"id\":\"ID\""))
                .replaceAll("\"created\":0");
    }

    private static String events(String... events) {
        return Stream.of(events).map(e -> "data: " + e + "\n\n").collect(Collectors.joining());
    }

    private static String chunk(int index, String delta, String logprobs, String finish) {
        return "{%s,\"choices\":[{\"index\":%d,\"delta\":{%s},\"logprobs\":%s,\"finish_reason\":%s}]}"
                .formatted(CHUNK, index, delta, logprobs, finish);
    }

    private static String role(int index) {
        return chunk(index, "\"role\":\"assistant\",\"content\":\"\"", "null", "null");
    }

    private static String content(int index, String text) {
        return chunk(index, "\"content\":\"" + text + "\"", "null", "null");
    }

    private static String stop(int index) {
        return chunk(index, "", "null", "\"stop\"");
    }

    @Test
    void chatStream() {
        var response = chat("short", "\"stream\":true");
        assertEquals(
                events(
                        role(0),
                        content(0, "H"),
                        content(0, "é"),
                        content(0, "!"),
                        stop(0),
                        "[DONE]"),
                body(response));
        var headers = response.headers();
        assertEquals("text/event-stream; charset=utf-8", headers.firstValue("Content-Type").get());
        assertEquals("no-store", headers.firstValue("Cache-Control").get());
        assertEquals("no", headers.firstValue("X-Accel-Buffering").get());
        assertTrue(headers.firstValue("x-request-id").get().matches("[0-9a-f]{32}"));
        assertTrue(headers.firstValue("Content-Encoding").isEmpty());
    }

    @Test
    void chatStreamWithUsage() {
        var members =
                "\"cache_salt\":\"u1\",\"stream\":true,\"stream_options\":{\"include_usage\":true}";
        var open = Stream.of(role(0), content(0, "H"), content(0, "é"), content(0, "!"), stop(0));
        var chunks =
                open.map(c -> c.substring(0, c.length() - 1) + ",\"usage\":null}")
                        .toArray(String[]::new);
        var expected =
                events(chunks)
                        + events(
                                "{" + CHUNK + ",\"choices\":[]," + usage(21, 5, 0) + "}", "[DONE]");
        assertEquals(expected, body(chat("short", members)));
        assertEquals(
                expected.replace("\"cached_tokens\":0", "\"cached_tokens\":16"),
                body(chat("short", members)));
    }

    @Test
    void chatStreamAnnouncesAllChoicesFirst() {
        var lines = body(chat("short", "\"stream\":true,\"n\":3")).split("\n\n");
        for (int choice = 0; choice < 3; choice++) {
            assertEquals("data: " + role(choice), lines[choice]);
            var prefix = "data: {" + CHUNK + ",\"choices\":[{\"index\":" + choice + ",";
            assertEquals(
                    "data: "
                            + role(choice)
                            + "data: "
                            + content(choice, "H")
                            + "data: "
                            + content(choice, "é")
                            + "data: "
                            + content(choice, "!")
                            + "data: "
                            + stop(choice),
                    Stream.of(lines)
                            .filter(l -> l.startsWith(prefix))
                            .collect(Collectors.joining()));
        }
        assertEquals("data: [DONE]", lines[lines.length - 1]);
        assertEquals(16, lines.length);
    }

    private static String logprob(String token, String bytes) {
        return "{\"token\":\"%s\",\"logprob\":-0.5,\"bytes\":%s,\"top_logprobs\":[%s]}"
                .formatted(
                        token,
                        bytes,
                        "{\"token\":\"%s\",\"logprob\":-0.5,\"bytes\":%s}".formatted(token, bytes));
    }

    private static String logprobs(String... entries) {
        return "{\"content\":[" + String.join(",", entries) + "],\"refusal\":null}";
    }

    @Test
    void chatStreamWithLogprobs() {
        assertEquals(
                events(
                        role(0),
                        chunk(0, "\"content\":\"H\"", logprobs(logprob("H", "[72]")), "null"),
                        chunk(
                                0,
                                "\"content\":\"é\"",
                                logprobs(logprob("\uFFFD", "[195]"), logprob("\uFFFD", "[169]")),
                                "null"),
                        chunk(0, "\"content\":\"!\"", logprobs(logprob("!", "[33]")), "null"),
                        chunk(0, "", logprobs(logprob("<|im_end|>", "null")), "\"stop\""),
                        "[DONE]"),
                body(chat("short", "\"stream\":true,\"logprobs\":true,\"top_logprobs\":1")));
    }

    @Test
    void chatInOnePiece() {
        var response =
                chat(
                        "short",
                        "\"cache_salt\":\"p1\",\"n\":2,\"service_tier\":\"auto\",\"metadata\":{\"a\":\"ö🦙\"}");
        var message =
                "\"message\":{\"role\":\"assistant\",\"content\":\"Hé!\",\"refusal\":null},"
                        + "\"logprobs\":null,\"finish_reason\":\"stop\"}";
        assertEquals(
                "{"
                        + CHUNK.replace(".chunk", "")
                        + ",\"service_tier\":\"default\",\"choices\":[{\"index\":0,"
                        + message
                        + ",{\"index\":1,"
                        + message
                        + "],"
                        + usage(21, 10, 0)
                        + ",\"metadata\":{\"a\":\"ö🦙\"}}",
                body(response));
        assertEquals("application/json", response.headers().firstValue("Content-Type").get());
    }

    @Test
    void chatInOnePieceListsTokens() {
        var body = body(chat("short", "\"logprobs\":true,\"return_token_ids\":true"));
        assertTrue(
                body.contains("\"finish_reason\":\"stop\",\"token_ids\":[72,195,169,33,257]"),
                body);
        assertTrue(
                body.contains("\"prompt_token_ids\":[256,117,115,101,114,10,104,105,257,10,256,"),
                body);
        assertTrue(
                body.contains(
                        "{\"token\":\"<|im_end|>\",\"logprob\":-0.5,\"bytes\":null,\"top_logprobs\":[]}"));
    }

    @Test
    void streamedTokenIdsAddUp() {
        var body = body(chat("short", "\"stream\":true,\"return_token_ids\":true"));
        var ids =
                Pattern.compile("\"token_ids\":\\[([0-9,]+)\\]")
                        .matcher(body)
                        .results()
                        .map(r -> r.group(1))
                        .collect(Collectors.joining(","));
        assertEquals("72,195,169,33,257", ids);
        assertEquals(2, body.split("\"prompt_token_ids\"", -1).length);
    }

    @Test
    void continuousUsageCountsUp() {
        var body =
                body(
                        chat(
                                "short",
                                "\"stream\":true,\"stream_options\":{\"continuous_usage_stats\":true}"));
        var counts =
                Pattern.compile("\"completion_tokens\":(\\d+)")
                        .matcher(body)
                        .results()
                        .map(r -> Integer.valueOf(r.group(1)))
                        .toList();
        assertEquals(5, counts.size());
        assertEquals(counts.stream().sorted().toList(), counts);
        assertEquals(5, counts.getLast());
    }

    @Test
    void obfuscationHidesTheLength() {
        var body =
                body(
                        chat(
                                "short",
                                "\"stream\":true,\"stream_options\":{\"include_obfuscation\":true}"));
        var lengths =
                Stream.of(body.split("\n\n"))
                        .filter(e -> e.contains("\"obfuscation\""))
                        .map(String::length)
                        .toList();
        assertEquals(3, lengths.size());
        assertEquals(1, lengths.stream().distinct().count());
    }

    @Test
    void completionStream() {
        var choice =
                ",\"choices\":[{\"index\":0,\"text\":\"%s\",\"logprobs\":null,\"finish_reason\":%s}]}";
        assertEquals(
                events(
                        "{" + TEXT + choice.formatted("H", "null"),
                        "{" + TEXT + choice.formatted("é", "null"),
                        "{" + TEXT + choice.formatted("!", "null"),
                        "{" + TEXT + choice.formatted("", "\"stop\""),
                        "[DONE]"),
                body(completion("short", "\"prompt\":\"ab\",\"stream\":true")));
    }

    private static final String ECHO =
            "\"text\":\"%s\",\"logprobs\":{\"tokens\":[%s],\"token_logprobs\":[%s],"
                    + "\"top_logprobs\":[%s],\"text_offset\":[%s]},\"finish_reason\":%s";

    @Test
    void completionEchoesWithLogprobs() {
        var whole =
                ECHO.formatted(
                        "a🦙Hé!",
                        "\"a\",\"\uFFFD\",\"\uFFFD\",\"\uFFFD\",\"\uFFFD\",\"H\",\"\uFFFD\",\"\uFFFD\",\"!\",\"<|im_end|>\"",
                        "null,-0.5,-0.5,-0.5,-0.5,-0.5,-0.5,-0.5,-0.5,-0.5",
                        "null,{\"\uFFFD\":-0.5},{\"\uFFFD\":-0.5},{\"\uFFFD\":-0.5},{\"\uFFFD\":-0.5},"
                                + "{\"H\":-0.5},{\"\uFFFD\":-0.5},{\"\uFFFD\":-0.5},{\"!\":-0.5},{\"<|im_end|>\":-0.5}",
                        "0,1,1,1,1,2,3,3,4,5",
                        "\"stop\"");
        assertEquals(
                "{" + TEXT + ",\"choices\":[{\"index\":0," + whole + "}]," + usage(5, 5, 0) + "}",
                body(completion("short", "\"prompt\":\"a🦙\",\"echo\":true,\"logprobs\":0")));
    }

    @Test
    void completionStreamEchoesFirst() {
        var lines =
                body(completion(
                                "short",
                                "\"prompt\":\"ab\",\"echo\":true,\"logprobs\":0,\"stream\":true,\"n\":2"))
                        .split("\n\n");
        var prompt =
                ECHO.formatted(
                        "ab", "\"a\",\"b\"", "null,-0.5", "null,{\"b\":-0.5}", "0,1", "null");
        for (int choice = 0; choice < 2; choice++) {
            assertEquals(
                    "data: {" + TEXT + ",\"choices\":[{\"index\":" + choice + "," + prompt + "}]}",
                    lines[choice]);
        }
        var h = ECHO.formatted("H", "\"H\"", "-0.5", "{\"H\":-0.5}", "2", "null");
        assertEquals("data: {" + TEXT + ",\"choices\":[{\"index\":0," + h + "}]}", lines[2]);
    }

    @Test
    void scoringGeneratesNothing() {
        var prompt =
                ECHO.formatted(
                        "ab", "\"a\",\"b\"", "null,-0.5", "null,{\"b\":-0.5}", "0,1", "\"length\"");
        assertEquals(
                "{" + TEXT + ",\"choices\":[{\"index\":0," + prompt + "}]," + usage(2, 0, 0) + "}",
                body(
                        completion(
                                "short",
                                "\"prompt\":\"ab\",\"echo\":true,\"max_tokens\":0,\"logprobs\":0")));
    }

    @Test
    void severalPromptsWithSeveralChoices() {
        var body = body(completion("short", "\"prompt\":[\"a\",[98,99]],\"n\":2,\"echo\":true"));
        var choice =
                "{\"index\":%d,\"text\":\"%sHé!\",\"logprobs\":null,\"finish_reason\":\"stop\"}";
        assertEquals(
                "{"
                        + TEXT
                        + ",\"choices\":["
                        + choice.formatted(0, "a")
                        + ","
                        + choice.formatted(1, "a")
                        + ","
                        + choice.formatted(2, "bc")
                        + ","
                        + choice.formatted(3, "bc")
                        + "],"
                        + usage(3, 20, 0)
                        + "}",
                body);
    }

    @Test
    void completionDefaultsToSixteenTokens() {
        var body = body(completion("hash", "\"prompt\":\"ab\",\"ignore_eos\":true"));
        assertTrue(body.contains("\"finish_reason\":\"length\""), body);
        assertTrue(body.contains("\"completion_tokens\":16"), body);
    }

    @Test
    void stopTextIsCutOffUnlessAskedFor() {
        var members = "\"stop\":\"wör\"";
        assertTrue(body(chat("test/scripted", members)).contains("\"content\":\"Hello, \""));
        assertTrue(
                body(chat("test/scripted", members + ",\"include_stop_str_in_output\":true"))
                        .contains("\"content\":\"Hello, wör\""));
    }

    @Test
    void sameSeedSameTextOtherSeedOther() {
        var members = "\"max_tokens\":40,\"ignore_eos\":true,\"seed\":";
        var one = text(body(chat("hash", members + "7")));
        assertEquals(one, text(body(chat("hash", members + "7"))));
        assertNotEquals(one, text(body(chat("hash", members + "8"))));
    }

    private static String text(String body) {
        return body.substring(body.indexOf("\"content\""), body.indexOf(",\"refusal\""));
    }

    @Test
    void streamAndPieceAgree() {
        var members = "\"max_tokens\":60,\"ignore_eos\":true,\"seed\":3";
        var piece = chat("hash", members).body();
        var stream = chat("hash", members + ",\"stream\":true").body();
        var mapper = new com.fasterxml.jackson.databind.ObjectMapper();
        try {
            var expected = mapper.readTree(piece).at("/choices/0/message/content").textValue();
            var joined = new StringBuilder();
            for (var line : stream.split("\n\n")) {
                if (!line.equals("data: [DONE]")) {
                    joined.append(
                            mapper.readTree(line.substring(6))
                                    .at("/choices/0/delta/content")
                                    .asText(""));
                }
            }
            assertEquals(expected, joined.toString());
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            throw new AssertionError(e);
        }
    }
}
