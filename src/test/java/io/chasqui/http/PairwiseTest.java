package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/**
 * Any two values of any two parameters stand together in some request of a list, endpoint, stream,
 * choices, grammar and hits in the prefix cache among them. All run at once in a server whose KV
 * pool is too small for them, until each has been preempted, and each gets to the bit what it gets
 * alone: text, tokens and logprobs.
 */
@QuarkusTest
class PairwiseTest extends HttpTestBase {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String BUSY = "pairwise-busy";
    private static final String ALONE = "pairwise-alone";
    private static final int MAX_ROUNDS = 20;
    private static final String SALT = "\"cache_salt\":\"s\"";
    private static final String PREFIX = "Shared words ";

    /**
     * Levels of each factor, as members of the request; those in braces are not members as such.
     */
    private static final String[][] FACTORS = {
        {"{chat}", "{completions}"},
        {"{miss}", "{hit}"},
        {"\"n\":1", "\"n\":2"},
        {"\"stream\":false", "\"stream\":true,\"stream_options\":{\"include_usage\":true}"},
        {
            "",
            "\"structured_outputs\":{\"regex\":\"[a-z ]{12,30}!\"}",
            "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"maxItems\":9}}}"
        },
        {"{seed}", "{negative}", "{large}"},
        {"\"temperature\":0", "\"temperature\":0.7", "\"temperature\":2"},
        {"", "\"top_p\":0.5", "\"top_p\":0"},
        {"", "\"top_k\":5"},
        {"", "\"min_p\":0.3"},
        {"", "\"presence_penalty\":1.5", "\"presence_penalty\":-2"},
        {"", "\"frequency_penalty\":0.5"},
        {"", "\"repetition_penalty\":1.3"},
        {"", "\"logit_bias\":{\"65\":4,\"101\":-100,\"257\":-1}"},
        {"", "\"stop\":[\"e\",\"q\",\"tt\",\"1\"]"},
        {"", "\"stop_token_ids\":[33,64,120,200]"},
        {"", "\"include_stop_str_in_output\":true"},
        {"\"min_tokens\":0", "\"min_tokens\":10"},
        {"", "\"ignore_eos\":true"},
        {"{none}", "{sampled}", "{top}"},
        {"\"max_tokens\":20", "\"max_tokens\":40"},
        {"", "\"return_token_ids\":true"},
        {"", SALT},
        {"", "\"priority\":1"},
        {"", "{echo}"}
    };

    /**
     * @param shared whether its prompt begins like others
     */
    private record Asked(String path, String members, long seed, boolean shared) {
        /** A prompt that is scored is computed as a whole. */
        boolean findsPrefix() {
            return shared
                    && !(members.contains("\"echo\":true") && members.contains("\"logprobs\":"));
        }

        /** One that leaves the prefix to be found. */
        Asked companion() {
            var prompt =
                    path.contains("chat")
                            ? "\"messages\":[{\"role\":\"user\",\"content\":\"" + PREFIX + "\"}]"
                            : "\"prompt\":\"" + PREFIX + "\"";
            var salt = members.contains(SALT) ? "," + SALT : "";
            return new Asked(path, prompt + ",\"max_tokens\":1" + salt, 0, true);
        }

        String body(String model) {
            return "{\"model\":\"%s\",%s}".formatted(model, members);
        }
    }

    private static List<Asked> requests() {
        int[] levels = new int[FACTORS.length];
        for (int f = 0; f < levels.length; f++) {
            levels[f] = FACTORS[f].length;
        }
        var requests = new ArrayList<Asked>();
        for (var row : CoveringArray.of(levels, 1)) {
            requests.add(request(requests.size(), row));
        }
        return requests;
    }

    private static Asked request(int i, int[] row) {
        boolean chat = row[0] == 0;
        boolean shared = row[1] == 1;
        var text = shared ? PREFIX + i : i + " alone.";
        var members = new ArrayList<String>();
        members.add(
                chat
                        ? "\"messages\":[{\"role\":\"user\",\"content\":\"" + text + "\"}]"
                        : "\"prompt\":\"" + text + "\"");
        long seed = 0;
        for (int f = 2; f < row.length; f++) {
            var level = FACTORS[f][row[f]];
            switch (level) {
                case "{seed}" -> seed = i;
                case "{negative}" -> seed = -1 - i;
                // Doubles hold no odd numbers here.
                case "{large}" -> seed = (1L << 53) + 1 + 2 * i;
                case "{none}" -> {}
                case "{sampled}" -> members.add(chat ? "\"logprobs\":true" : "\"logprobs\":0");
                case "{top}" ->
                        members.add(
                                chat ? "\"logprobs\":true,\"top_logprobs\":5" : "\"logprobs\":5");
                case "{echo}" -> members.add(chat ? "\"user\":\"u\"" : "\"echo\":true");
                case "" -> {}
                default -> members.add(level);
            }
        }
        members.add("\"seed\":" + seed);
        var path = chat ? "/v1/chat/completions" : "/v1/completions";
        return new Asked(path, String.join(",", members), seed, shared);
    }

    /**
     * What came back.
     *
     * @param essence choices and token counts
     * @param cached prompt tokens found in the prefix cache
     */
    private record Answer(JsonNode essence, int cached) {}

    private Answer ask(Asked asked, String model) {
        var response = post(asked.path(), asked.body(model));
        assertEquals(200, response.statusCode(), asked.members() + ": " + response.body());
        try {
            var body =
                    asked.members().contains("\"stream\":true")
                            ? joined(response)
                            : (ObjectNode) JSON.readTree(response.body());
            body.retain("choices", "usage", "prompt_token_ids");
            var details = (ObjectNode) body.at("/usage/prompt_tokens_details");
            int cached = details.remove("cached_tokens").intValue();
            return new Answer(body, cached);
        } catch (IOException e) {
            throw new AssertionError(response.body(), e);
        }
    }

    /** A stream's chunks as one: texts joined, lists appended. */
    private static ObjectNode joined(HttpResponse<String> response) throws IOException {
        var all = JSON.createObjectNode();
        var choices = all.putArray("choices");
        for (var event : response.body().split("\n\n")) {
            if (!event.startsWith("data: {")) {
                assertEquals("data: [DONE]", event);
                continue;
            }
            var chunk = (ObjectNode) JSON.readTree(event.substring(6));
            for (var choice : chunk.get("choices")) {
                int index = choice.get("index").intValue();
                while (choices.size() <= index) {
                    choices.addObject();
                }
                append((ObjectNode) choice, (ObjectNode) choices.get(index));
            }
            for (var name : List.of("usage", "prompt_token_ids")) {
                if (chunk.hasNonNull(name)) {
                    all.set(name, chunk.get(name));
                }
            }
        }
        return all;
    }

    private static void append(ObjectNode more, ObjectNode all) {
        for (var member : more.properties()) {
            var name = member.getKey();
            var value = member.getValue();
            var known = all.get(name);
            if (value instanceof ObjectNode object) {
                append(object, known instanceof ObjectNode o ? o : all.putObject(name));
            } else if (value.isArray() && known instanceof ArrayNode array) {
                array.addAll((ArrayNode) value);
            } else if (value.isTextual() && known != null && known.isTextual()) {
                all.put(name, known.textValue() + value.textValue());
            } else if (!value.isNull() || known == null) {
                all.set(name, value);
            }
        }
    }

    @Test
    void eachAnswerIsTheOneItGetsAlone() {
        var watch = new PreemptionWatch[1];
        var gate = new GatedExecutor[1];
        registry.add(RandomModels.serve(ALONE, 64, 16, false, executor -> executor));
        registry.add(
                RandomModels.serve(
                        BUSY,
                        60,
                        4,
                        true,
                        executor -> {
                            watch[0] = new PreemptionWatch(executor);
                            gate[0] = new GatedExecutor(watch[0]);
                            return gate[0];
                        }));
        var requests = requests();
        var alone = requests.stream().map(asked -> ask(asked, ALONE)).toList();
        int hits = 0;
        var order = new ArrayList<>(requests);
        var random = new SplittableRandom(1);
        int rounds = 0;
        while (rounds < MAX_ROUNDS && !allPreempted(requests, watch[0].seeds())) {
            shuffle(order, random);
            var answers = together(order, gate[0]);
            for (int i = 0; i < order.size(); i++) {
                var asked = order.get(i);
                assertEquals(
                        alone.get(requests.indexOf(asked)).essence(),
                        answers.get(i).essence(),
                        "round " + rounds + ": " + asked.members());
                hits += answers.get(i).cached() > 0 ? 1 : 0;
            }
            rounds++;
        }
        assertTrue(allPreempted(requests, watch[0].seeds()), "not all were preempted");
        System.out.printf(
                "pairwise: %d requests, all preempted in %d rounds, %d hits in the prefix cache%n",
                requests.size(), rounds, hits);
        for (int i = 0; i < requests.size(); i++) {
            if (requests.get(i).findsPrefix()) {
                ask(requests.get(i).companion(), BUSY);
                var answer = ask(requests.get(i), BUSY);
                assertTrue(answer.cached() > 0, requests.get(i).members());
                assertEquals(alone.get(i).essence(), answer.essence());
            }
        }
    }

    private static boolean allPreempted(List<Asked> requests, Set<Long> preempted) {
        return requests.stream().allMatch(asked -> preempted.contains(asked.seed()));
    }

    private static void shuffle(List<Asked> requests, SplittableRandom random) {
        for (int i = requests.size() - 1; i > 0; i--) {
            java.util.Collections.swap(requests, i, random.nextInt(i + 1));
        }
    }

    /** All at once, in this order: no second step is done before each has arrived. */
    private List<Answer> together(List<Asked> requests, GatedExecutor gate) {
        var engine = TestModels.engine(registry, BUSY);
        gate.shut();
        try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
            var answers = new ArrayList<CompletableFuture<Answer>>();
            try {
                for (var asked : requests) {
                    int before = engine.queued();
                    boolean first = answers.isEmpty();
                    answers.add(CompletableFuture.supplyAsync(() -> ask(asked, BUSY), threads));
                    Awaitility.await()
                            .pollInterval(Duration.ofMillis(1))
                            .until(() -> first ? gate.isWaiting() : engine.queued() > before);
                }
            } finally {
                gate.allow(1_000_000);
            }
            return answers.stream().map(CompletableFuture::join).toList();
        }
    }
}
