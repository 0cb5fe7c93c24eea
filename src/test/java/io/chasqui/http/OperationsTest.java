package io.chasqui.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.chat.ModelRegistry.State;
import io.quarkus.test.junit.QuarkusTest;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Models, tokens, probes and metrics. */
@QuarkusTest
class OperationsTest extends HttpTestBase {

    @Test
    void listsModelsUnderAllTheirNames() {
        var body = get("/v1/models").body();
        var scripted =
                "{\"id\":\"%s\",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"chasqui\","
                        + "\"root\":\"test/scripted\",\"parent\":null,\"max_model_len\":512}";
        assertTrue(body.startsWith("{\"object\":\"list\",\"data\":["), body);
        assertTrue(body.contains(scripted.formatted("test/scripted")), body);
        assertTrue(body.contains(scripted.formatted("scripted-alias")), body);
        assertEquals(scripted.formatted("test/scripted"), get("/v1/models/test/scripted").body());
        assertEquals(scripted.formatted("test/scripted"), get("/v1/models/test%2Fscripted").body());
        assertTrue(chat("scripted-alias", "").body().contains("\"model\":\"scripted-alias\""));
    }

    @Test
    void tokenises() {
        assertEquals(
                "{\"count\":3,\"max_model_len\":512,\"tokens\":[104,195,169]}",
                post("/tokenize", "{\"model\":\"short\",\"prompt\":\"hé\"}").body());
        assertEquals(
                "{\"count\":2,\"max_model_len\":512,\"tokens\":[256,97],\"token_strs\":[\"<|im_start|>\",\"a\"]}",
                post("/tokenize", "{\"prompt\":\"<|im_start|>a\",\"return_token_strs\":true}")
                        .body());
        var chat =
                post(
                        "/tokenize",
                        "{\"messages\":[{\"role\":\"user\",\"content\":\"<|im_end|>\"}],"
                                + "\"add_generation_prompt\":false}");
        assertTrue(
                chat.body().contains("\"tokens\":[256,117,115,101,114,10,60,124,105,"),
                chat.body());
        assertEquals(
                "{\"prompt\":\"hé<|im_end|>\"}",
                post("/detokenize", "{\"tokens\":[104,195,169,257]}").body());
        for (var bad :
                List.of(
                        "{}",
                        "{\"prompt\":5}",
                        "{\"prompt\":\"a\",\"x\":1}",
                        "{\"prompt\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}",
                        "{\"messages\":[]}")) {
            assertEquals(400, post("/tokenize", bad).statusCode(), bad);
        }
        for (var bad :
                List.of(
                        "{}",
                        "{\"tokens\":[259]}",
                        "{\"tokens\":[-1]}",
                        "{\"tokens\":[1.5]}",
                        "{\"tokens\":\"a\"}")) {
            assertEquals(400, post("/detokenize", bad).statusCode(), bad);
        }
    }

    @Test
    void probesFollowTheServersState() {
        try {
            expect(State.STARTING, 200, 503);
            assertTrue(chat("short", "").body().contains("\"code\":\"starting\""));
            assertEquals("5", chat("short", "").headers().firstValue("Retry-After").get());
            expect(State.DRAINING, 200, 503);
            assertEquals(200, chat("short", "").statusCode());
            expect(State.DEAD, 503, 503);
            var dead = chat("short", "");
            assertEquals(503, dead.statusCode());
            assertTrue(dead.body().contains("\"code\":\"engine_dead\""));
            assertEquals("false", dead.headers().firstValue("x-should-retry").get());
        } finally {
            registry.state(State.READY);
        }
        expect(State.READY, 200, 200);
    }

    private void expect(State state, int live, int ready) {
        registry.state(state);
        assertEquals(live, get("/livez").statusCode());
        assertEquals(ready, get("/readyz").statusCode());
        assertEquals(ready, get("/health").statusCode());
        assertEquals("", get("/readyz").body());
    }

    @Test
    void metricsAreWhatStrictParsersRead() {
        chat("short", "");
        chat("short", "\"nonsense\":1");
        var response = get("/metrics");
        assertEquals(
                "text/plain; version=0.0.4; charset=utf-8",
                response.headers().firstValue("Content-Type").get());
        var metrics = PrometheusText.read(response.body());
        var labels = "{engine=\"0\",model_name=\"test/scripted\"}";
        for (var gauge :
                List.of(
                        "vllm:num_requests_running",
                        "vllm:num_requests_waiting",
                        "vllm:kv_cache_usage_perc")) {
            assertEquals("gauge", metrics.types.get(gauge));
            assertEquals(0.0, metrics.samples.get(gauge + labels), gauge);
        }
        assertEquals(
                1.0,
                metrics.samples.get(
                        "vllm:cache_config_info{block_size=\"16\",engine=\"0\","
                                + "model_name=\"test/scripted\",num_gpu_blocks=\"256\"}"));
        for (var counter :
                List.of(
                        "vllm:prompt_tokens_total",
                        "vllm:generation_tokens_total",
                        "vllm:prefix_cache_queries_total",
                        "vllm:prefix_cache_hits_total",
                        "vllm:num_preemptions_total",
                        "vllm:corrupted_requests_total",
                        "vllm:request_success_total",
                        "chasqui_requests_aborted_total")) {
            assertEquals("counter", metrics.types.get(counter), counter);
        }
        assertTrue(
                metrics.samples.get("chasqui_requests_rejected_total{reason=\"unknown_parameter\"}")
                        >= 1);
        for (var histogram :
                List.of(
                        "vllm:time_to_first_token_seconds",
                        "vllm:inter_token_latency_seconds",
                        "vllm:request_time_per_output_token_seconds",
                        "vllm:e2e_request_latency_seconds",
                        "vllm:request_queue_time_seconds",
                        "vllm:request_prefill_time_seconds",
                        "vllm:request_decode_time_seconds",
                        "vllm:request_inference_time_seconds",
                        "vllm:request_prompt_tokens",
                        "vllm:request_generation_tokens",
                        "vllm:request_max_num_generation_tokens",
                        "vllm:request_params_n",
                        "vllm:request_params_max_tokens",
                        "vllm:request_prefill_kv_computed_tokens",
                        "vllm:iteration_tokens_total")) {
            assertEquals("histogram", metrics.types.get(histogram), histogram);
        }
        var buckets =
                metrics.samples.keySet().stream()
                        .filter(name -> name.startsWith("vllm:time_to_first_token_seconds_bucket"))
                        .filter(name -> name.contains("test/scripted"))
                        .map(name -> name.replaceAll(".*le=\"([^\"]*)\".*", "$1"))
                        .toList();
        assertEquals(
                List.of(
                        "0.001", "0.005", "0.01", "0.02", "0.04", "0.06", "0.08", "0.1", "0.25",
                        "0.5", "0.75", "1.0", "2.5", "5.0", "7.5", "10.0", "20.0", "40.0", "80.0",
                        "160.0", "640.0", "2560.0", "+Inf"),
                buckets);
        assertTrue(metrics.types.containsKey("process_start_time_seconds"));
    }

    @Test
    void reportsItsLoadWhenAsked() {
        var text = load("TEXT");
        assertTrue(
                text.matches(
                        "TEXT named_metrics\\.kv_cache_usage_perc=[0-9.]+,"
                                + " named_metrics\\.num_requests_waiting=[0-9.]+"),
                text);
        assertTrue(load("json").startsWith("JSON {\"named_metrics\": {"));
        assertEquals("none", load("XML"));
        assertFalse(chat("short", "").headers().firstValue("endpoint-load-metrics").isPresent());
    }

    private String load(String format) {
        var response =
                post(
                        "/v1/chat/completions",
                        chatBody("short", ""),
                        b -> b.header("endpoint-load-metrics-format", format));
        assertEquals(200, response.statusCode());
        return response.headers().firstValue("endpoint-load-metrics").orElse("none");
    }
}
