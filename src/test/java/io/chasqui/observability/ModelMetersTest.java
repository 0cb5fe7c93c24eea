package io.chasqui.observability;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.chasqui.backend.SamplerParams;
import io.chasqui.chat.ServedModel;
import io.chasqui.chat.ServedModel.GenerationDefaults;
import io.chasqui.config.EngineConfig;
import io.chasqui.engine.EngineError;
import io.chasqui.engine.EngineListener;
import io.chasqui.engine.EngineListener.RequestStats;
import io.chasqui.engine.EngineListener.StepStats;
import io.chasqui.engine.FinishReason;
import io.chasqui.engine.GenerationRequest;
import io.chasqui.engine.LlmEngine;
import io.chasqui.engine.RequestOutput.Usage;
import io.chasqui.engine.SamplingParams;
import io.chasqui.executor.ScriptedExecutor;
import io.chasqui.testing.ByteTokenizer;
import io.micrometer.prometheus.PrometheusConfig;
import io.micrometer.prometheus.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ModelMetersTest {
    private static final long SECOND = 1_000_000_000L;

    private final PrometheusMeterRegistry registry =
            new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final ModelMeters meters = new ModelMeters(registry, model(), 16);

    private static ServedModel model() {
        var config =
                new EngineConfig(
                        1000,
                        4,
                        64,
                        100,
                        16,
                        8,
                        1000,
                        Duration.ofSeconds(1),
                        true,
                        true,
                        3,
                        Duration.ofMillis(500));
        var tokenizer = new ByteTokenizer("<end>");
        var engine =
                new LlmEngine(
                        config,
                        new ScriptedExecutor('x'),
                        tokenizer,
                        Set.of(256),
                        EngineListener.NONE);
        return new ServedModel(
                "m",
                List.of(),
                engine,
                tokenizer,
                null,
                "",
                Set.of(256),
                GenerationDefaults.OPENAI,
                0,
                "fp");
    }

    private static GenerationRequest request() {
        var params =
                new SamplingParams(
                        2,
                        50,
                        0,
                        List.of(),
                        Set.of(),
                        false,
                        false,
                        0,
                        -1,
                        -1,
                        SamplerParams.GREEDY);
        return new GenerationRequest("r", new int[] {1}, params, 0, "", "", null, null);
    }

    private static RequestStats finished(int choice, FinishReason finish, EngineError.Kind error) {
        return new RequestStats(
                request(),
                choice,
                finish,
                error == null ? null : new EngineError(error, ""),
                new Usage(100, 64, 5),
                SECOND,
                3 * SECOND,
                7 * SECOND,
                new long[] {SECOND, SECOND, SECOND, SECOND});
    }

    private double sample(String start) {
        return registry.scrape()
                .lines()
                .filter(line -> line.startsWith(start))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' '))))
                .findFirst()
                .orElseThrow();
    }

    private double value(String name) {
        return sample(name + "{engine=\"0\",model_name=\"m\",}");
    }

    @Test
    void countsSteps() {
        meters.onStep(new StepStats(1, 2, 40, 3, 4, 100, 1, 20, 16, SECOND / 50));
        meters.onStep(new StepStats(1, 2, 3, 3, 4, 100, 0, 0, 0, SECOND / 50));
        assertEquals(6, value("vllm:generation_tokens_total"));
        assertEquals(1, value("vllm:num_preemptions_total"));
        assertEquals(20, value("vllm:prefix_cache_queries_total"));
        assertEquals(16, value("vllm:prefix_cache_hits_total"));
        assertEquals(43, value("vllm:iteration_tokens_total_sum"));
        assertEquals(2, value("vllm:iteration_tokens_total_count"));
    }

    @Test
    void recordsTimesAndTokensOfFinishedRequests() {
        meters.onFinished(finished(0, FinishReason.STOP, null));
        assertEquals(7, value("vllm:e2e_request_latency_seconds_sum"));
        assertEquals(1, value("vllm:request_queue_time_seconds_sum"));
        assertEquals(2, value("vllm:request_prefill_time_seconds_sum"));
        assertEquals(4, value("vllm:request_decode_time_seconds_sum"));
        assertEquals(6, value("vllm:request_inference_time_seconds_sum"));
        assertEquals(3, value("vllm:time_to_first_token_seconds_sum"));
        assertEquals(4, value("vllm:inter_token_latency_seconds_count"));
        assertEquals(1, value("vllm:request_time_per_output_token_seconds_sum"));
        assertEquals(100, value("vllm:prompt_tokens_total"));
        assertEquals(64, value("vllm:prompt_tokens_cached_total"));
        assertEquals(36, value("vllm:request_prefill_kv_computed_tokens_sum"));
        assertEquals(5, value("vllm:request_generation_tokens_sum"));
        assertEquals(2, value("vllm:request_params_n_sum"));
        assertEquals(50, value("vllm:request_params_max_tokens_sum"));
    }

    @Test
    void tellsHowRequestsEnd() {
        meters.onFinished(finished(0, FinishReason.STOP, null));
        meters.onFinished(finished(1, FinishReason.LENGTH, null));
        meters.onFinished(finished(0, null, EngineError.Kind.ABORTED));
        meters.onFinished(finished(0, null, EngineError.Kind.NUMERICAL));
        for (var reason : List.of("stop", "length", "abort", "error")) {
            assertEquals(
                    1,
                    sample("vllm:request_success_total{engine=\"0\",finished_reason=\"" + reason),
                    reason);
        }
        assertEquals(
                0, sample("vllm:request_success_total{engine=\"0\",finished_reason=\"repetition"));
        assertEquals(1, value("vllm:corrupted_requests_total"));
        assertEquals(2, value("vllm:request_prompt_tokens_count"));
        assertEquals(3, value("vllm:request_params_n_count"));
    }

    @Test
    void tokenBucketsGoUpToTheModelsLength() {
        assertArrayEquals(
                new double[] {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000}, Buckets.oneTwoFive(1999));
        assertArrayEquals(new double[] {1, 2}, Buckets.oneTwoFive(4));
    }
}
