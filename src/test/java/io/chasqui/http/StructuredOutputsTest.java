package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Answers that have to be of a form, by a model that would say anything. */
@QuarkusTest
class StructuredOutputsTest extends HttpTestBase {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final String SCHEMA =
            """
            {"type":"object","properties":{"name":{"type":"string","maxLength":8},\
            "age":{"type":"integer","minimum":0,"maximum":150},\
            "tags":{"type":"array","items":{"enum":["a","b"]},"maxItems":3}},\
            "required":["name","age","tags"],"additionalProperties":false}""";

    private static JsonNode choice(HttpResponse<String> response, int index) throws IOException {
        assertEquals(200, response.statusCode(), response.body());
        return JSON.readTree(response.body()).get("choices").get(index);
    }

    private static String text(HttpResponse<String> response) throws IOException {
        var choice = choice(response, 0);
        assertEquals("stop", choice.get("finish_reason").textValue());
        return choice.get("message").get("content").textValue();
    }

    private static void assertPerson(String text) throws IOException {
        var person = JSON.readTree(text);
        assertTrue(person.get("name").textValue().length() <= 8, text);
        assertTrue(person.get("age").isInt() && person.get("age").intValue() <= 150, text);
        assertTrue(person.get("tags").isArray() && person.get("tags").size() <= 3, text);
        assertEquals(3, person.size(), text);
    }

    @Test
    void anAnswerByASchemaIsValidInEachChoiceAndEachTime() throws IOException {
        for (int seed = 0; seed < 10; seed++) {
            var response =
                    chat(
                            TestModels.HASH,
                            "\"n\":3,\"seed\":%d,\"max_tokens\":200,\"min_tokens\":150,\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"person\",\"strict\":true,\"schema\":%s}}"
                                    .formatted(seed, SCHEMA));
            for (int i = 0; i < 3; i++) {
                var choice = choice(response, i);
                assertEquals("stop", choice.get("finish_reason").textValue());
                assertPerson(choice.get("message").get("content").textValue());
            }
        }
    }

    @Test
    void aStreamOfItSaysTheSame() throws IOException {
        var members =
                "\"seed\":5,\"max_tokens\":200,\"ignore_eos\":true,\"structured_outputs\":{\"json\":%s}"
                        .formatted(SCHEMA);
        var whole = text(chat(TestModels.HASH, members));
        assertPerson(whole);
        var streamed = new StringBuilder();
        for (var line : chat(TestModels.HASH, members + ",\"stream\":true").body().split("\n")) {
            if (line.startsWith("data: {")) {
                var delta = JSON.readTree(line.substring(6)).at("/choices/0/delta/content");
                streamed.append(delta.asText(""));
            }
        }
        assertEquals(whole, streamed.toString());
    }

    @Test
    void aChoiceIsOneOfThem() throws IOException {
        var answer =
                text(
                        chat(
                                TestModels.HASH,
                                "\"structured_outputs\":{\"choice\":[\"yes\",\"no\",\"perhaps\"]}"));
        assertTrue(Set.of("yes", "no", "perhaps").contains(answer), answer);
    }

    @Test
    void aRegexIsMatched() throws IOException {
        var answer =
                text(
                        chat(
                                TestModels.HASH,
                                "\"structured_outputs\":{\"regex\":\"[A-Z]{3}-[0-9]{2}\"}"));
        assertTrue(answer.matches("[A-Z]{3}-[0-9]{2}"), answer);
    }

    @Test
    void aGrammarIsFollowed() throws IOException {
        var answer =
                text(
                        chat(
                                TestModels.HASH,
                                "\"structured_outputs\":{\"grammar\":\"root ::= \\\"<\\\" [ab]{2} \\\">\\\"\"}"));
        assertTrue(answer.matches("<[ab]{2}>"), answer);
    }

    /** 121 and 101 are the bytes of "y" and "e". */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{\"choice\":[\"\"]},\"min_tokens\":1 | ``",
                "{\"choice\":[\"yes\"]},\"min_tokens\":9 | yes",
                "{\"choice\":[\"yes\"]},\"min_tokens\":2,\"stop_token_ids\":[121] | yes",
                "{\"choice\":[\"yes\"]},\"min_tokens\":1,\"stop_token_ids\":[101] | y"
            })
    void whatTheGrammarLeavesComesBeforeMinTokens(String members, String expected)
            throws IOException {
        assertEquals(expected, text(chat(TestModels.HASH, "\"structured_outputs\":" + members)));
    }

    @Test
    void anObjectIsOne() throws IOException {
        var response =
                chat(
                        TestModels.HASH,
                        "\"max_tokens\":60,\"response_format\":{\"type\":\"json_object\"}");
        var choice = choice(response, 0);
        var text = choice.get("message").get("content").textValue();
        assertTrue(text.startsWith("{"), text);
        if (choice.get("finish_reason").textValue().equals("stop")) {
            assertTrue(JSON.readTree(text).isObject(), text);
        }
    }

    @Test
    void whatIsCutByLengthSaysSo() throws IOException {
        var response =
                chat(
                        TestModels.HASH,
                        "\"max_tokens\":3,\"structured_outputs\":{\"regex\":\"[a-f]{20}\"}");
        var choice = choice(response, 0);
        assertEquals("length", choice.get("finish_reason").textValue());
        assertTrue(choice.get("message").get("content").textValue().matches("[a-f]{3}"));
    }

    @Test
    void completionsHaveThemToo() throws IOException {
        var response =
                completion(
                        TestModels.HASH,
                        "\"prompt\":\"x\",\"structured_outputs\":{\"regex\":\"[0-9]{4}\"}");
        var text = choice(response, 0).get("text").textValue();
        assertTrue(text.matches("[0-9]{4}"), text);
    }

    @Test
    void aModelThatDoesNotObeyItsMaskFailsAlone() throws IOException {
        var response = chat(TestModels.SCRIPTED, "\"structured_outputs\":{\"regex\":\"[0-9]{4}\"}");
        assertEquals(500, response.statusCode(), response.body());
        assertEquals(
                TestModels.SCRIPT,
                choice(chat(TestModels.SCRIPTED, ""), 0).at("/message/content").textValue());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "\"structured_outputs\":{\"regex\":\"(\"} | structured_outputs.regex",
                "\"structured_outputs\":{\"grammar\":\"x\"} | structured_outputs.grammar",
                "\"structured_outputs\":{\"json\":\"{\"} | structured_outputs.json",
                "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{\"type\":\"nonsense\"}}} | response_format.json_schema.schema",
            })
    void whatCannotBeCompiledIsNamed(String members, String param) throws IOException {
        var response = chat(TestModels.HASH, members);
        assertEquals(400, response.statusCode(), response.body());
        var error = JSON.readTree(response.body()).get("error");
        assertEquals(param, error.get("param").textValue(), members);
        assertEquals("invalid_schema", error.get("code").textValue(), members);
    }

    @Test
    void whatStrictCannotEnforceIsNamed() throws IOException {
        var schema =
                "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"uniqueItems\":true}}}";
        var members =
                "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"strict\":%s,\"schema\":%s}}";
        var refused = chat(TestModels.HASH, members.formatted("true", schema));
        assertEquals(400, refused.statusCode(), refused.body());
        var error = JSON.readTree(refused.body()).get("error");
        assertEquals("response_format.json_schema.schema", error.get("param").textValue());
        assertTrue(error.get("message").textValue().contains("uniqueItems"), refused.body());
        var taken = chat(TestModels.HASH, "\"max_tokens\":5," + members.formatted("false", schema));
        assertEquals(200, taken.statusCode(), taken.body());
        assertNull(JSON.readTree(taken.body()).get("error"));
    }
}
