package io.chasqui.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * Closed-loop load on an OpenAI-compatible server: a fixed number of streams, each sending its next
 * completion when the last is done. Prompts are token ids, so that every server gets the same work;
 * all differ, so that no prefix cache is measured.
 *
 * <p>Times are as in vLLM's benchmark: TTFT from sending to the first text, TPOT the rest divided
 * by the remaining tokens, token counts from the usage chunk.
 */
final class ServingBenchmark implements AutoCloseable {
    /** Ids that are ordinary text in every vocabulary of the family. */
    private static final int FIRST_TOKEN = 1_000;

    private static final int LAST_TOKEN = 10_000;
    private static final String DATA = "data:";
    private static final String DONE = "[DONE]";

    private final Load load;
    private final BenchProgress progress;
    private final ObjectMapper json = new ObjectMapper();
    private final HttpClient client =
            HttpClient.newBuilder()
                    .version(HttpClient.Version.HTTP_1_1)
                    .connectTimeout(Duration.ofSeconds(5))
                    .executor(Executors.newVirtualThreadPerTaskExecutor())
                    .build();

    ServingBenchmark(Load load, BenchProgress progress) {
        this.load = load;
        this.progress = progress;
    }

    /** Warms the server up with one request per stream, then measures. */
    Result run() throws IOException, InterruptedException {
        var model = load.model() == null ? firstModel() : load.model();
        if (load.warmUp()) {
            runAll(model, load.concurrency(), -load.concurrency(), "warm-up");
        }
        long begin = System.nanoTime();
        var outcomes = runAll(model, load.requests(), 0, "requests");
        double seconds = (System.nanoTime() - begin) / 1e9;
        progress.clear();
        return summarise(model, seconds, outcomes);
    }

    @Override
    public void close() {
        client.shutdownNow();
    }

    private String firstModel() throws IOException, InterruptedException {
        var response = client.send(request("/v1/models").GET().build(), BodyHandlers.ofString());
        var models = json.readTree(response.body()).path("data");
        if (response.statusCode() != 200 || models.isEmpty()) {
            throw new IOException(
                    "%s/v1/models answered %d: %s"
                            .formatted(load.url(), response.statusCode(), response.body()));
        }
        return models.get(0).path("id").asText();
    }

    /** Request numbers start at {@code first}; they seed the prompts. */
    private List<Outcome> runAll(String model, int requests, int first, String what)
            throws InterruptedException {
        var next = new AtomicInteger();
        var outcomes = new ArrayList<Outcome>();
        var streams = new ArrayList<Thread>();
        for (int c = 0; c < load.concurrency(); c++) {
            streams.add(
                    Thread.startVirtualThread(
                            () -> {
                                for (int i; (i = next.getAndIncrement()) < requests; ) {
                                    var outcome = one(model, first + i);
                                    synchronized (outcomes) {
                                        outcomes.add(outcome);
                                        progress.update(
                                                "%s: %d of %d done",
                                                what, outcomes.size(), requests);
                                    }
                                }
                            }));
        }
        for (var stream : streams) {
            stream.join();
        }
        return outcomes;
    }

    private Outcome one(String model, int number) {
        var times = new ArrayList<Long>();
        var end = new Ending();
        long sent = System.nanoTime();
        try {
            var post =
                    request("/v1/completions")
                            .header("Content-Type", "application/json")
                            .POST(HttpRequest.BodyPublishers.ofString(body(model, number)))
                            .build();
            var response = client.send(post, BodyHandlers.ofLines());
            try (Stream<String> lines = response.body()) {
                if (response.statusCode() != 200) {
                    return Outcome.failed(
                            "status " + response.statusCode(), lines.findFirst().orElse(""));
                }
                lines.filter(line -> line.startsWith(DATA))
                        .map(line -> line.substring(DATA.length()).strip())
                        .filter(data -> !data.equals(DONE))
                        .forEach(data -> end.read(parse(data), times));
            }
        } catch (HttpTimeoutException e) {
            return Outcome.failed("timeout", e.getMessage());
        } catch (IOException | UncheckedIOException e) {
            return Outcome.failed("connection", String.valueOf(e.getMessage()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Outcome.failed("interrupted", "");
        }
        return end.outcome(sent, System.nanoTime(), times);
    }

    private String body(String model, int number) {
        var random = new SplittableRandom(load.seed() * 1_000_003L + number);
        ObjectNode body = json.createObjectNode();
        body.put("model", model);
        var prompt = body.putArray("prompt");
        random.ints(load.promptTokens(), FIRST_TOKEN, LAST_TOKEN).forEach(prompt::add);
        body.put("max_tokens", load.maxTokens());
        body.put("temperature", load.temperature());
        body.put("seed", Math.floorMod(number, 1_000_000));
        body.put("stream", true);
        body.putObject("stream_options").put("include_usage", true);
        body.put("ignore_eos", true);
        if (load.llamaCpp()) {
            body.put("cache_prompt", false);
        }
        body.setAll(load.extraBody());
        return body.toString();
    }

    private HttpRequest.Builder request(String path) {
        var request = HttpRequest.newBuilder(URI.create(load.url() + path)).timeout(load.timeout());
        return load.apiKey() == null
                ? request
                : request.header("Authorization", "Bearer " + load.apiKey());
    }

    private JsonNode parse(String data) {
        try {
            return json.readTree(data);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Result summarise(String model, double seconds, List<Outcome> outcomes) {
        var good = outcomes.stream().filter(Outcome::ok).toList();
        var failures = new TreeMap<String, Integer>();
        for (var outcome : outcomes) {
            if (!outcome.ok()) {
                failures.merge(outcome.failure(), 1, Integer::sum);
                progress.line("failed: %s %s", outcome.failure(), outcome.detail());
            }
        }
        long prompt = good.stream().mapToLong(Outcome::promptTokens).sum();
        long output = good.stream().mapToLong(Outcome::outputTokens).sum();
        return new Result(
                model,
                load.concurrency(),
                good.size(),
                failures,
                seconds,
                prompt,
                output,
                output / seconds,
                (prompt + output) / seconds,
                Percentiles.of(good.stream().map(Outcome::ttft).toList()),
                Percentiles.of(
                        good.stream()
                                .filter(o -> o.outputTokens() > 1)
                                .map(Outcome::timePerToken)
                                .toList()),
                Percentiles.of(good.stream().flatMap(o -> o.gaps().stream()).toList()),
                Percentiles.of(good.stream().map(Outcome::duration).toList()));
    }

    /**
     * What to send.
     *
     * @param url the server, without {@code /v1}
     * @param model name to ask for; null asks the server for its first
     * @param apiKey bearer key, or null
     * @param llamaCpp adds {@code cache_prompt: false}, which llama-server needs and others refuse
     * @param extraBody members added to each request
     * @param warmUp whether one request per stream is sent first and not counted
     */
    record Load(
            String url,
            String model,
            String apiKey,
            int concurrency,
            int requests,
            int promptTokens,
            int maxTokens,
            double temperature,
            long seed,
            boolean llamaCpp,
            ObjectNode extraBody,
            boolean warmUp,
            Duration timeout) {}

    /**
     * Result of a run. Times are milliseconds; failed requests count in nothing but {@code
     * failures}.
     *
     * @param outputTokensPerSecond of all streams together
     * @param totalTokensPerSecond the same, prompts included
     * @param itlMillis gaps between chunks with text; wider than a token where a server joins them
     */
    record Result(
            String model,
            int concurrency,
            int completed,
            Map<String, Integer> failures,
            double seconds,
            long promptTokens,
            long outputTokens,
            double outputTokensPerSecond,
            double totalTokensPerSecond,
            Percentiles ttftMillis,
            Percentiles tpotMillis,
            Percentiles itlMillis,
            Percentiles e2eMillis) {}

    /** What the chunks of one stream have said so far. */
    private static final class Ending {
        private boolean finished;
        private String error;
        private int promptTokens;
        private int outputTokens;

        void read(JsonNode chunk, List<Long> times) {
            if (chunk.hasNonNull("error")) {
                error = chunk.get("error").toString();
            }
            if (chunk.hasNonNull("usage")) {
                promptTokens = chunk.get("usage").path("prompt_tokens").asInt();
                outputTokens = chunk.get("usage").path("completion_tokens").asInt();
            }
            for (var choice : chunk.path("choices")) {
                if (!choice.path("text").asText("").isEmpty()) {
                    times.add(System.nanoTime());
                }
                finished |= choice.hasNonNull("finish_reason");
            }
        }

        Outcome outcome(long sent, long end, List<Long> times) {
            if (error != null) {
                return Outcome.failed("error event", error);
            }
            if (!finished || outputTokens == 0 || times.isEmpty()) {
                return Outcome.failed("truncated", "no finish_reason, usage or text");
            }
            var gaps = new ArrayList<Double>();
            for (int i = 1; i < times.size(); i++) {
                gaps.add((times.get(i) - times.get(i - 1)) / 1e6);
            }
            double ttft = (times.getFirst() - sent) / 1e6;
            return new Outcome(
                    null, "", ttft, (end - sent) / 1e6, gaps, promptTokens, outputTokens);
        }
    }

    /** One request. Times are milliseconds. */
    private record Outcome(
            String failure,
            String detail,
            double ttft,
            double duration,
            List<Double> gaps,
            int promptTokens,
            int outputTokens) {

        static Outcome failed(String failure, String detail) {
            return new Outcome(failure, detail, 0, 0, List.of(), 0, 0);
        }

        boolean ok() {
            return failure == null;
        }

        double timePerToken() {
            return (duration - ttft) / (outputTokens - 1);
        }
    }
}
