package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.quarkus.test.junit.QuarkusTest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What parameters do to an answer, seen from outside. The model's weights are random; what it
 * samples is judged by the logprobs that it lists, which are of the raw logits.
 */
@QuarkusTest
class ParameterEffectsTest extends HttpTestBase {
    private static final String MODEL = "random";
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String LOGPROBS =
            "\"logprobs\":true,\"top_logprobs\":20,\"return_token_ids\":true,\"ignore_eos\":true,";

    @BeforeEach
    void serveRandomModel() {
        if (registry.find(MODEL).isEmpty()) {
            registry.add(RandomModels.serve(MODEL, 256, 16, true, UnaryOperator.identity()));
        }
    }

    private static JsonNode json(HttpResponse<String> response) {
        assertEquals(200, response.statusCode(), response.body());
        try {
            return JSON.readTree(response.body());
        } catch (JsonProcessingException e) {
            throw new AssertionError(response.body(), e);
        }
    }

    private JsonNode choice(String members) {
        return json(chat(MODEL, members)).at("/choices/0");
    }

    private static List<Integer> ints(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false).map(JsonNode::intValue).toList();
    }

    private List<Integer> tokens(String members) {
        return ints(choice("\"return_token_ids\":true," + members).get("token_ids"));
    }

    /**
     * One place of an answer.
     *
     * @param name how the token is listed
     * @param top logprobs of the 20 likeliest, by name
     */
    private record Place(int token, String name, double logprob, Map<String, Double> top) {
        double likeliest() {
            return top.values().stream().mapToDouble(d -> d).max().orElseThrow();
        }

        /** Of the likeliest tokens, those that are likelier than this one. */
        List<Double> likelier() {
            return top.values().stream().filter(l -> l > logprob).toList();
        }
    }

    /** Tokens by their bytes, which no two share: their text may be the same. */
    private static String name(JsonNode entry) {
        return entry.get("token").textValue() + entry.get("bytes");
    }

    private List<Place> places(String members) {
        var choice = choice(LOGPROBS + members);
        var ids = choice.get("token_ids");
        var places = new ArrayList<Place>();
        for (int i = 0; i < ids.size(); i++) {
            var entry = choice.at("/logprobs/content/" + i);
            var top = new HashMap<String, Double>();
            entry.get("top_logprobs")
                    .forEach(t -> top.put(name(t), t.get("logprob").doubleValue()));
            assertEquals(20, top.size());
            places.add(
                    new Place(
                            ids.get(i).intValue(),
                            name(entry),
                            entry.get("logprob").doubleValue(),
                            top));
        }
        return places;
    }

    @Test
    void temperatureZeroTakesTheLikeliestToken() {
        for (var place : places("\"temperature\":0,\"max_tokens\":60")) {
            assertEquals(place.likeliest(), place.logprob());
        }
        assertTrue(
                places("\"temperature\":2,\"seed\":1,\"max_tokens\":60").stream()
                        .anyMatch(p -> p.logprob() < p.likeliest()));
    }

    /** Heat makes unlikely tokens more frequent: by how much, the sampler's own tests say. */
    @Test
    void topKKeepsTheLikeliest() {
        for (var place : places("\"temperature\":2,\"top_k\":3,\"seed\":1,\"max_tokens\":60")) {
            assertTrue(place.likelier().size() < 3, place.toString());
        }
        assertTrue(
                places("\"temperature\":2,\"top_k\":-1,\"seed\":1,\"max_tokens\":60").stream()
                        .anyMatch(p -> p.likelier().size() >= 3));
        assertEquals(
                tokens("\"temperature\":0,\"max_tokens\":20"),
                tokens("\"temperature\":2,\"top_k\":1,\"seed\":1,\"max_tokens\":20"));
    }

    @Test
    void topPKeepsTheNucleus() {
        int more = 0;
        for (var place : places("\"top_p\":0.3,\"seed\":1,\"max_tokens\":60")) {
            double before = place.likelier().stream().mapToDouble(Math::exp).sum();
            assertTrue(before < 0.3 + 1e-5, place.toString());
            more += place.likelier().isEmpty() ? 0 : 1;
        }
        assertTrue(more > 5, "a nucleus of one token each time");
        assertEquals(
                tokens("\"temperature\":0,\"max_tokens\":20"),
                tokens("\"temperature\":2,\"top_p\":0,\"seed\":1,\"max_tokens\":20"));
    }

    @Test
    void minPDropsTheUnlikely() {
        int less = 0;
        for (var place : places("\"min_p\":0.4,\"seed\":1,\"max_tokens\":60")) {
            assertTrue(
                    place.logprob() >= place.likeliest() + Math.log(0.4) - 1e-5, place.toString());
            less += place.logprob() < place.likeliest() ? 1 : 0;
        }
        assertTrue(less > 5, "the likeliest token each time");
        assertEquals(
                tokens("\"temperature\":0,\"max_tokens\":20"),
                tokens("\"temperature\":2,\"min_p\":1,\"seed\":1,\"max_tokens\":20"));
    }

    /** What a penalty does to a token that was generated so often. */
    private interface Penalty {
        double of(int count);
    }

    /** That greedy tokens are the likeliest after a penalty, and that it made a difference. */
    private void assertPenalised(String members, Penalty penalty) {
        var counts = new HashMap<String, Integer>();
        int differences = 0;
        for (var place : places("\"temperature\":0,\"max_tokens\":100," + members)) {
            double own = place.logprob() - penalty.of(counts.getOrDefault(place.name(), 0));
            for (var other : place.top().entrySet()) {
                int count = counts.getOrDefault(other.getKey(), 0);
                double its = other.getValue() - (count == 0 ? 0 : penalty.of(count));
                assertTrue(its <= own + 1e-4, other.getKey() + " rather than " + place);
            }
            differences += place.logprob() < place.likeliest() ? 1 : 0;
            counts.merge(place.name(), 1, Integer::sum);
        }
        assertTrue(differences > 5, "differences: " + differences);
    }

    @Test
    void presencePenaltyIsTakenOnce() {
        assertPenalised("\"presence_penalty\":1.5", count -> count > 0 ? 1.5 : 0);
    }

    @Test
    void frequencyPenaltyIsTakenEachTime() {
        assertPenalised("\"frequency_penalty\":0.75", count -> 0.75 * count);
    }

    /** Two biased tokens leave the others far behind, so their order tells the division. */
    @Test
    void repetitionPenaltyDividesWhatWasSeen() {
        var members = "\"temperature\":0,\"max_tokens\":5,\"logit_bias\":{\"5\":100,\"6\":50}";
        assertEquals(List.of(5, 5, 5, 5, 5), tokens(members));
        assertEquals(List.of(5, 6, 5, 5, 5), tokens(members + ",\"repetition_penalty\":4"));
        var seen = members + ",\"messages\":[{\"role\":\"user\",\"content\":\"\\u0005\"}]";
        assertEquals(
                List.of(6, 5, 5, 5, 5),
                ints(
                        json(post(
                                        "/v1/chat/completions",
                                        RequestMembers.object(
                                                "\"model\":\"random\",\"return_token_ids\":true",
                                                seen + ",\"repetition_penalty\":4")))
                                .at("/choices/0/token_ids")),
                "the prompt counts too");
    }

    @Test
    void logitBiasIsAdded() {
        assertEquals(
                List.of(65, 65, 65),
                tokens("\"temperature\":2,\"max_tokens\":3,\"logit_bias\":{\"65\":100}"));
        int likeliest = tokens("\"temperature\":0,\"max_tokens\":1").getFirst();
        assertNotEquals(
                likeliest,
                tokens(
                                "\"temperature\":0,\"max_tokens\":1,\"logit_bias\":{\"%d\":-100}"
                                        .formatted(likeliest))
                        .getFirst());
    }

    @Test
    void topLogprobsAreSorted() {
        var content = choice(LOGPROBS + "\"max_tokens\":10").at("/logprobs/content");
        assertEquals(10, content.size());
        for (var entry : content) {
            var top = entry.get("top_logprobs");
            for (int i = 1; i < top.size(); i++) {
                double last = top.get(i - 1).get("logprob").doubleValue();
                assertTrue(last >= top.get(i).get("logprob").doubleValue());
            }
        }
        var none = choice("\"logprobs\":true,\"max_tokens\":1").at("/logprobs/content/0");
        assertEquals(0, none.get("top_logprobs").size());
        assertTrue(choice("\"max_tokens\":1").get("logprobs").isNull());
    }

    @Test
    void eachChoiceIsAnother() {
        var choices = json(chat(MODEL, "\"n\":3,\"seed\":1,\"max_tokens\":20")).get("choices");
        assertEquals(List.of(0, 1, 2), IntStream.range(0, 3).boxed().toList());
        var texts = new ArrayList<String>();
        choices.forEach(c -> texts.add(c.at("/message/content").textValue()));
        assertEquals(3, texts.stream().distinct().count(), texts.toString());
        for (int i = 0; i < 3; i++) {
            assertEquals(i, choices.get(i).get("index").intValue());
        }
    }

    @Test
    void theLimitCutsTheAnswer() {
        for (var name : List.of("max_tokens", "max_completion_tokens")) {
            var response = json(chat(MODEL, "\"%s\":7,\"ignore_eos\":true".formatted(name)));
            assertEquals("length", response.at("/choices/0/finish_reason").textValue());
            assertEquals(7, response.at("/usage/completion_tokens").intValue());
        }
        var whole = json(chat(MODEL, "\"ignore_eos\":true"));
        assertEquals(512, whole.at("/usage/total_tokens").intValue());
    }

    private static final String LIKELY_END =
            "\"max_tokens\":9,\"seed\":1,\"logit_bias\":{\"257\":100}";

    @Test
    void minTokensHoldsTheEndBack() {
        assertEquals(List.of(257), tokens(LIKELY_END));
        var held = tokens(LIKELY_END + ",\"min_tokens\":4");
        assertEquals(5, held.size(), held.toString());
        assertEquals(4, held.indexOf(257), held.toString());
        var stop = "\"max_tokens\":9,\"logit_bias\":{\"65\":100},\"stop\":\"A\"";
        assertEquals(List.of(65), tokens(stop));
        assertEquals(List.of(65, 65, 65, 65, 65), tokens(stop + ",\"min_tokens\":4"));
    }

    @Test
    void ignoredEndTokensDoNotEndTheAnswer() {
        var choice = choice(LIKELY_END + ",\"return_token_ids\":true,\"ignore_eos\":true");
        assertEquals("length", choice.get("finish_reason").textValue());
        assertEquals(9, choice.get("token_ids").size());
    }

    @Test
    void stopTokenIdsEndTheAnswer() {
        var members = "\"max_tokens\":9,\"logit_bias\":{\"65\":100},\"return_token_ids\":true";
        var choice = choice(members + ",\"stop_token_ids\":[64,65]");
        assertEquals("stop", choice.get("finish_reason").textValue());
        assertEquals(List.of(65), ints(choice.get("token_ids")));
        assertEquals("", choice.at("/message/content").textValue());
        assertEquals(9, choice(members).get("token_ids").size());
    }

    @Test
    void structuredObjectIsOne() throws JsonProcessingException {
        var choice =
                choice(
                        "\"max_tokens\":400,\"seed\":1,\"logit_bias\":{\"125\":20},"
                                + "\"structured_outputs\":{\"json_object\":true}");
        assertEquals("stop", choice.get("finish_reason").textValue());
        assertTrue(JSON.readTree(choice.at("/message/content").textValue()).isObject());
    }

    private static String tool(String members) {
        return ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"now\""
                + members
                + "}}]";
    }

    @Test
    void theModelIsToldOfItsTools() {
        var message = "{\"role\":\"user\",\"content\":\"x\"}";
        var tool =
                tool(
                        ",\"description\":\"What time it is\",\"parameters\":{\"properties\":{\"zone\":{\"type\":\"string\"}}}");
        var told = text(rendered(MODEL, message, tool));
        for (var part : List.of("now", "What time it is", "zone")) {
            assertTrue(told.contains(part), told);
        }
        assertEquals(
                rendered(MODEL, message, ""),
                rendered(MODEL, message, tool + ",\"tool_choice\":\"none\""));
    }

    @Test
    void whatStrictToolsCannotEnforceIsNamed() {
        var members =
                tool(
                        ",\"strict\":%s,\"parameters\":{\"properties\":{\"a\":{\"type\":\"array\",\"uniqueItems\":true}}}");
        var refused = chat(TestModels.ROOMY_HASH, "\"max_tokens\":9" + members.formatted("true"));
        assertEquals(400, refused.statusCode(), refused.body());
        assertTrue(refused.body().contains("uniqueItems"), refused.body());
        json(chat(TestModels.ROOMY_HASH, "\"max_tokens\":9" + members.formatted("false")));
    }

    @Test
    void withoutParallelCallsThereIsOne() {
        int most = 0;
        for (int seed = 0; seed < 8; seed++) {
            var members =
                    "\"max_tokens\":200,\"seed\":%d,\"tool_choice\":\"required\"".formatted(seed)
                            + tool("");
            most = Math.max(most, calls(members));
            assertEquals(1, calls(members + ",\"parallel_tool_calls\":false"));
        }
        assertTrue(most > 1, "no answer had several calls");
    }

    private int calls(String members) {
        var choice = json(chat(TestModels.ROOMY_HASH, members)).at("/choices/0");
        return choice.at("/message/tool_calls").size();
    }

    @Test
    void saltsPartThePrefixCache() {
        assertEquals(0, cached("\"cache_salt\":\"one\""));
        assertTrue(cached("\"cache_salt\":\"one\"") > 0);
        assertEquals(0, cached("\"cache_salt\":\"two\""));
        assertTrue(cached("\"cache_salt\":\"two\"") > 0);
    }

    private int cached(String members) {
        return json(completion(
                        MODEL,
                        "\"prompt\":\"The same prompt of several blocks, each time.\",\"max_tokens\":1,"
                                + members))
                .at("/usage/prompt_tokens_details/cached_tokens")
                .intValue();
    }

    @Test
    void lowerPrioritiesGoFirst() throws Exception {
        assertOrder(
                completionBody("late", "\"priority\":5"),
                completionBody("early", "\"priority\":-5"));
    }

    @Test
    void flexComesAfterTheOthers() throws Exception {
        assertOrder(
                chatBody(TestModels.GATED, "\"max_tokens\":3,\"service_tier\":\"flex\""),
                chatBody(TestModels.GATED, "\"max_tokens\":3"));
    }

    private static String completionBody(String prompt, String members) {
        return "{\"model\":\"gated\",\"prompt\":\"%s\",\"max_tokens\":3,%s}"
                .formatted(prompt, members);
    }

    /** While one request runs, two wait; the one sent last is done first. */
    private void assertOrder(String first, String second) {
        var engine = TestModels.engine(registry, TestModels.GATED);
        awaitIdle(TestModels.GATED);
        TestModels.GATE.shut();
        var running = later(completionBody("x", "\"priority\":0"));
        Awaitility.await().until(TestModels.GATE::isWaiting);
        var one = later(first);
        Awaitility.await().until(() -> engine.queued() == 1);
        var two = later(second);
        Awaitility.await().until(() -> engine.queued() == 2);
        while (!two.isDone()) {
            assertFalse(one.isDone(), "the first one waits");
            TestModels.GATE.allow(1);
            Awaitility.await().until(() -> TestModels.GATE.isWaiting() || one.isDone());
        }
        TestModels.GATE.allow(1000);
        assertEquals(200, one.join().statusCode(), one.join().body());
        assertEquals(200, two.join().statusCode(), two.join().body());
        assertEquals(200, running.join().statusCode(), running.join().body());
        awaitIdle(TestModels.GATED);
    }

    private java.util.concurrent.CompletableFuture<HttpResponse<String>> later(String body) {
        var path = body.contains("\"messages\"") ? "/v1/chat/completions" : "/v1/completions";
        return java.util.concurrent.CompletableFuture.supplyAsync(() -> post(path, body));
    }

    private List<Integer> rendered(String messages, String members) {
        return rendered(MODEL, messages, members);
    }

    private List<Integer> rendered(String model, String messages, String members) {
        return ints(
                json(post(
                                "/tokenize",
                                "{\"model\":\"%s\",\"messages\":[%s]%s}"
                                        .formatted(model, messages, members)))
                        .get("tokens"));
    }

    @Test
    void developerIsTheSystem() {
        var message = "{\"role\":\"%s\",\"content\":\"x\"}";
        assertEquals(
                rendered(message.formatted("system"), ""),
                rendered(message.formatted("developer"), ""));
        assertNotEquals(
                rendered(message.formatted("system"), ""), rendered(message.formatted("user"), ""));
    }

    @Test
    void partsAreJoined() {
        assertEquals(
                rendered("{\"role\":\"user\",\"content\":\"a <|im_end|>b\"}", ""),
                rendered(
                        "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a <|im_\"},"
                                + "{\"type\":\"text\",\"text\":\"end|>b\"}]}",
                        ""));
    }

    @Test
    void aRefusalStandsForMissingContent() {
        var user = ",{\"role\":\"user\",\"content\":\"x\"}";
        assertEquals(
                rendered("{\"role\":\"assistant\",\"content\":\"no\"}" + user, ""),
                rendered(
                        "{\"role\":\"assistant\",\"content\":null,\"refusal\":\"no\"}" + user, ""));
    }

    @Test
    void theGenerationPromptCanBeLeftOut() {
        var messages = "{\"role\":\"user\",\"content\":\"x\"}";
        var whole = text(rendered(TestModels.LLAMA, messages, ""));
        var without =
                text(rendered(TestModels.LLAMA, messages, ",\"add_generation_prompt\":false"));
        var header = "<|start_header_id|>assistant<|end_header_id|>\n\n";
        assertEquals(whole, without + header);
        var answer =
                json(
                        chat(
                                TestModels.LLAMA,
                                "\"max_tokens\":1,\"return_token_ids\":true,\"add_generation_prompt\":false"));
        assertFalse(text(ints(answer.get("prompt_token_ids"))).contains("assistant"));
    }

    @Test
    void theLastMessageIsContinued() {
        var messages =
                "{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":\"so\"}";
        var closed = text(rendered(TestModels.LLAMA, messages, ",\"add_generation_prompt\":false"));
        var open =
                text(
                        rendered(
                                TestModels.LLAMA,
                                messages,
                                ",\"add_generation_prompt\":false,\"continue_final_message\":true"));
        assertTrue(open.endsWith("assistant<|end_header_id|>\n\nso"), open);
        assertEquals(closed, open + "<|eot_id|>");
    }

    private String text(List<Integer> tokens) {
        return json(post("/detokenize", "{\"model\":\"llama\",\"tokens\":" + tokens + "}"))
                .get("prompt")
                .textValue();
    }

    @Test
    void predictionsAreCounted() {
        var details = "/usage/completion_tokens_details";
        var with =
                json(chat(
                                MODEL,
                                "\"max_tokens\":2,\"prediction\":{\"type\":\"content\",\"content\":\"abc\"}"))
                        .at(details);
        assertEquals(0, with.get("accepted_prediction_tokens").intValue());
        assertEquals(0, with.get("rejected_prediction_tokens").intValue());
        var without = json(chat(MODEL, "\"max_tokens\":2")).at(details);
        assertFalse(without.has("accepted_prediction_tokens"));
    }

    /** The same prompt in both endpoints, and all that shapes an answer: the same answer. */
    @Test
    void completionsAreSampledAlike() {
        var prompt = rendered("{\"role\":\"user\",\"content\":\"hi\"}", "");
        for (var members :
                List.of(
                        "\"seed\":3,\"temperature\":1.5",
                        "\"seed\":4,\"top_p\":0.5",
                        "\"seed\":5,\"top_k\":4",
                        "\"seed\":6,\"min_p\":0.3",
                        "\"seed\":7,\"presence_penalty\":2,\"frequency_penalty\":1",
                        "\"seed\":8,\"repetition_penalty\":1.8",
                        "\"seed\":9,\"logit_bias\":{\"65\":6}",
                        "\"seed\":10,\"logit_bias\":{\"65\":6},\"stop\":\"A\"",
                        "\"seed\":10,\"logit_bias\":{\"65\":6},\"stop\":\"A\",\"include_stop_str_in_output\":true",
                        "\"seed\":10,\"logit_bias\":{\"65\":6},\"stop_token_ids\":[65]",
                        "\"seed\":11,\"logit_bias\":{\"257\":8},\"min_tokens\":7",
                        "\"seed\":12,\"response_format\":{\"type\":\"json_object\"}")) {
            var both = members + ",\"max_tokens\":24,\"return_token_ids\":true";
            var chat = choice(both);
            var plain = json(completion(MODEL, "\"prompt\":" + prompt + "," + both));
            assertEquals(chat.get("token_ids"), plain.at("/choices/0/token_ids"), members);
            assertEquals(chat.at("/message/content"), plain.at("/choices/0/text"), members);
            assertEquals(chat.get("finish_reason"), plain.at("/choices/0/finish_reason"), members);
        }
    }

    @Test
    void completionsListLogprobs() {
        for (int n : List.of(0, 3, 20)) {
            var logprobs =
                    json(completion(
                                    MODEL,
                                    "\"prompt\":\"ab\",\"max_tokens\":3,\"temperature\":0,\"logprobs\":"
                                            + n))
                            .at("/choices/0/logprobs");
            assertEquals(3, logprobs.get("tokens").size());
            assertEquals(3, logprobs.get("token_logprobs").size());
            for (int i = 0; i < 3; i++) {
                // Tokens of the same text are one name.
                int listed = logprobs.at("/top_logprobs/" + i).size();
                assertTrue(listed >= 1 && listed <= Math.max(1, n), listed + " of " + n);
            }
        }
    }

    @Test
    void completionsStreamTheirUsage() {
        var plain = "\"prompt\":\"ab\",\"max_tokens\":3,\"ignore_eos\":true,\"stream\":true";
        assertFalse(completion(MODEL, plain).body().contains("\"usage\""));
        var usage = stream(plain, "include_usage");
        assertTrue(usage.get(usage.size() - 2).contains("\"choices\":[],\"usage\":{"));
        assertTrue(usage.getFirst().contains("\"usage\":null"));
        var continuous = stream(plain, "continuous_usage_stats");
        assertTrue(continuous.getFirst().contains("\"usage\":{\"prompt_tokens\":2,"));
        assertTrue(stream(plain, "include_obfuscation").getFirst().contains("\"obfuscation\":\""));
    }

    private List<String> stream(String members, String option) {
        var body =
                completion(MODEL, members + ",\"stream_options\":{\"" + option + "\":true}").body();
        return List.of(body.split("\n\n"));
    }

    @Test
    void specialTokensAreAddedOnlyWhereAsked() {
        var body = "{\"model\":\"with-bos\",\"prompt\":\"%s\"%s}";
        assertEquals(
                List.of(258, 97),
                ints(json(post("/tokenize", body.formatted("a", ""))).get("tokens")));
        assertEquals(
                List.of(258, 97),
                ints(json(post("/tokenize", body.formatted("<|endoftext|>a", ""))).get("tokens")),
                "one is there");
        var without = body.formatted("a", ",\"add_special_tokens\":false");
        assertEquals(List.of(97), ints(json(post("/tokenize", without)).get("tokens")));
    }
}
