package io.chasqui.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/**
 * Many different requests at once against a pool of KV blocks too small for them, some clients
 * leaving in the middle: nothing fails, nothing leaks, and answers are those that the requests get
 * alone.
 */
class MixedLoadIT {
    private static final int REQUESTS = Integer.getInteger("chasqui.mixed.requests", 200);
    private static final int CONCURRENT = 64;
    private static final int COMPARED = 50;
    private static final double LEAVES = 0.2;
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final List<String> PREFIXES =
            List.of(
                    "You are a careful assistant who answers in one short sentence and never lies."
                            + " You like the Andes, wool, long walks and exact numbers.",
                    "You translate what you are told into French and say nothing else at all,"
                            + " whatever the user may ask of you in this conversation.",
                    "");

    private static final List<String> QUESTIONS =
            List.of(
                    "What is a llama?",
                    "Count from one to twenty.",
                    "Name three rivers of South America.",
                    "Write a line about wool.",
                    "Why is the sky blue?");

    private final SplittableRandom random =
            new SplittableRandom(Long.getLong("chasqui.mixed.seed", 20_251L));

    /**
     * @param leaveAfter events after which the client leaves, or -1
     */
    private record Call(int id, String json, int leaveAfter) {}

    private Call call(int id) throws IOException {
        var messages = JSON.createArrayNode();
        var prefix = PREFIXES.get(random.nextInt(PREFIXES.size()));
        if (!prefix.isEmpty()) {
            messages.addObject().put("role", "system").put("content", prefix);
        }
        var question = QUESTIONS.get(random.nextInt(QUESTIONS.size()));
        messages.addObject()
                .put("role", "user")
                .put("content", question + " (" + random.nextInt(20) + ")");
        var body = JSON.createObjectNode().put("model", "test");
        body.set("messages", messages);
        body.put("stream", true).put("max_tokens", 8 + random.nextInt(40));
        body.put("temperature", random.nextInt(3) * 0.6).put("seed", random.nextInt());
        body.put("logprobs", true).put("top_logprobs", random.nextInt(3));
        if (random.nextInt(4) == 0) {
            body.put("n", 2);
        }
        if (random.nextInt(4) == 0) {
            body.put("frequency_penalty", 0.5).put("ignore_eos", true);
        }
        if (random.nextInt(6) == 0) {
            body.putArray("stop").add("the").add(".");
        }
        int leaveAfter = random.nextDouble() < LEAVES ? random.nextInt(12) : -1;
        return new Call(id, JSON.writeValueAsString(body), leaveAfter);
    }

    @Test
    void answersUnderPressureAreThoseOfQuietTimes() throws Exception {
        try (var server =
                ServerProcess.start(
                        "--kv-cache-memory",
                        "12M",
                        "--max-num-seqs",
                        "24",
                        "--queue-timeout",
                        "600s")) {
            double free = server.metric("vllm:kv_cache_usage_perc");
            assertEquals(0, free);
            var calls = new ArrayList<Call>();
            for (int i = 0; i < REQUESTS; i++) {
                calls.add(call(i));
            }
            var answers = storm(server, calls);
            awaitIdle(server);
            int whole = (int) calls.stream().filter(c -> c.leaveAfter() < 0).count();
            assertEquals(whole, answers.size(), "each request whose client stayed was answered");
            double preemptions = server.metric("vllm:num_preemptions_total");
            assertTrue(preemptions > 0, "the pool was large enough; nothing was preempted");
            assertTrue(server.metric("vllm:prefix_cache_hits_total") > 0, "no prefix was shared");
            int compared = compareWithQuiet(server, calls, answers);
            System.out.printf(
                    "mixed load: %d requests, %d answered, %d clients left, %.0f preemptions, %.0f prefix"
                            + " tokens shared, %d answers compared with the same request alone%n",
                    REQUESTS,
                    answers.size(),
                    REQUESTS - whole,
                    preemptions,
                    server.metric("vllm:prefix_cache_hits_total"),
                    compared);
        }
    }

    private int compareWithQuiet(
            ServerProcess server, List<Call> calls, Map<Integer, List<String>> answers)
            throws IOException, InterruptedException {
        int compared = 0;
        for (var call : calls) {
            if (answers.containsKey(call.id()) && compared < COMPARED) {
                assertEquals(send(server, call), answers.get(call.id()), "request " + call.json());
                compared++;
            }
        }
        return compared;
    }

    private static Map<Integer, List<String>> storm(ServerProcess server, List<Call> calls)
            throws InterruptedException, ExecutionException {
        var answers = new ConcurrentHashMap<Integer, List<String>>();
        var gate = new Semaphore(CONCURRENT);
        var done = new AtomicInteger();
        try (var pool = Executors.newVirtualThreadPerTaskExecutor()) {
            var all = new ArrayList<java.util.concurrent.Future<?>>();
            for (var call : calls) {
                all.add(
                        pool.submit(
                                () -> {
                                    gate.acquire();
                                    try {
                                        var answer = send(server, call);
                                        if (call.leaveAfter() < 0) {
                                            answers.put(call.id(), answer);
                                        }
                                    } finally {
                                        gate.release();
                                    }
                                    int n = done.incrementAndGet();
                                    if (n % 100 == 0) {
                                        System.out.println("mixed load: " + n + " requests done");
                                    }
                                    return null;
                                }));
            }
            for (var one : all) {
                one.get();
            }
        }
        return answers;
    }

    /**
     * The choices of an answer, each as text, tokens and finish reason; or less if the client left.
     */
    private static List<String> send(ServerProcess server, Call call)
            throws IOException, InterruptedException {
        var response =
                server.client()
                        .send(
                                server.post("/v1/chat/completions", call.json()),
                                BodyHandlers.ofLines());
        assertEquals(200, response.statusCode());
        var choices = new ArrayList<StringBuilder>();
        try (var lines = response.body()) {
            int events = 0;
            boolean done = false;
            for (Iterator<String> i = lines.iterator(); i.hasNext(); ) {
                var line = i.next();
                assertTrue(!line.startsWith("event: error"), "error event");
                if (line.equals("data: [DONE]")) {
                    done = true;
                } else if (line.startsWith("data: ")) {
                    read(JSON.readTree(line.substring(6)), choices);
                    if (events++ == call.leaveAfter()) {
                        return List.of();
                    }
                }
            }
            assertTrue(done, "the stream ended without [DONE]");
        }
        return choices.stream().map(StringBuilder::toString).toList();
    }

    private static void read(JsonNode chunk, List<StringBuilder> choices) {
        for (var choice : chunk.path("choices")) {
            int index = choice.path("index").asInt();
            while (choices.size() <= index) {
                choices.add(new StringBuilder());
            }
            var out = choices.get(index);
            out.append(choice.path("delta").path("content").asText(""));
            for (var token : choice.path("logprobs").path("content")) {
                out.append('\0').append(token);
            }
            if (choice.path("finish_reason").isTextual()) {
                out.append('\1').append(choice.path("finish_reason").asText());
            }
        }
    }

    private static void awaitIdle(ServerProcess server) throws IOException, InterruptedException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (System.nanoTime() < end) {
            if (server.metric("vllm:num_requests_running") == 0
                    && server.metric("vllm:num_requests_waiting") == 0
                    && server.metric("vllm:kv_cache_usage_perc") == 0) {
                return;
            }
            Thread.sleep(50);
        }
        throw new AssertionError(
                "not idle: "
                        + server.metric("vllm:num_requests_running")
                        + " running, "
                        + server.metric("vllm:num_requests_waiting")
                        + " waiting, cache use "
                        + server.metric("vllm:kv_cache_usage_perc"));
    }
}
