package io.chasqui.observability;

import io.chasqui.chat.ServedModel;
import io.chasqui.engine.EngineError;
import io.chasqui.engine.EngineListener;
import io.chasqui.engine.EngineListener.RequestStats;
import io.chasqui.engine.EngineListener.StepStats;
import io.chasqui.engine.EngineStats;
import io.chasqui.engine.LlmEngine;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/** The meters of one model. Names, labels and buckets are vLLM's (v1/metrics/loggers.py). */
final class ModelMeters implements EngineListener {
    private static final double NANOS = 1e9;

    /** The values of the label {@code finished_reason}. */
    private enum Finished {
        STOP,
        LENGTH,
        ABORT,
        ERROR,
        REPETITION
    }

    private final MeterRegistry registry;
    private final Tags tags;
    private final Map<Finished, Counter> finished = new EnumMap<>(Finished.class);

    private final Counter promptTokens;
    private final Counter promptTokensCached;
    private final Counter promptTokensComputed;
    private final Counter promptTokensHit;
    private final Counter generationTokens;
    private final Counter prefixCacheQueries;
    private final Counter prefixCacheHits;
    private final Counter preemptions;
    private final Counter corruptedRequests;

    private final DistributionSummary iterationTokens;
    private final DistributionSummary stepSeconds;
    private final DistributionSummary timeToFirstToken;
    private final DistributionSummary interTokenLatency;
    private final DistributionSummary timePerOutputToken;
    private final DistributionSummary endToEndLatency;
    private final DistributionSummary queueTime;
    private final DistributionSummary prefillTime;
    private final DistributionSummary decodeTime;
    private final DistributionSummary inferenceTime;
    private final DistributionSummary requestPromptTokens;
    private final DistributionSummary requestGenerationTokens;
    private final DistributionSummary requestMaxGenerationTokens;
    private final DistributionSummary requestComputedTokens;
    private final DistributionSummary paramsN;
    private final DistributionSummary paramsMaxTokens;

    ModelMeters(MeterRegistry registry, ServedModel model, int blockSize) {
        this.registry = registry;
        tags = Tags.of("model_name", model.id(), "engine", "0");
        registerGauges(model.engine(), blockSize);
        for (var reason : Finished.values()) {
            var tag = Tags.of("finished_reason", reason.name().toLowerCase(java.util.Locale.ROOT));
            finished.put(reason, counter("vllm:request_success", tag));
        }
        promptTokens = counter("vllm:prompt_tokens");
        promptTokensCached = counter("vllm:prompt_tokens_cached");
        promptTokensComputed = bySource("local_compute");
        promptTokensHit = bySource("local_cache_hit");
        generationTokens = counter("vllm:generation_tokens");
        prefixCacheQueries = counter("vllm:prefix_cache_queries");
        prefixCacheHits = counter("vllm:prefix_cache_hits");
        preemptions = counter("vllm:num_preemptions");
        corruptedRequests = counter("vllm:corrupted_requests");

        iterationTokens = histogram("vllm:iteration_tokens_total", Buckets.ITERATION_TOKENS);
        stepSeconds = histogram("chasqui_step_seconds", Buckets.FIRST_TOKEN);
        timeToFirstToken = histogram("vllm:time_to_first_token_seconds", Buckets.FIRST_TOKEN);
        interTokenLatency = histogram("vllm:inter_token_latency_seconds", Buckets.TOKEN_LATENCY);
        timePerOutputToken =
                histogram("vllm:request_time_per_output_token_seconds", Buckets.TOKEN_LATENCY);
        endToEndLatency = histogram("vllm:e2e_request_latency_seconds", Buckets.REQUEST_TIME);
        queueTime = histogram("vllm:request_queue_time_seconds", Buckets.REQUEST_TIME);
        prefillTime = histogram("vllm:request_prefill_time_seconds", Buckets.REQUEST_TIME);
        decodeTime = histogram("vllm:request_decode_time_seconds", Buckets.REQUEST_TIME);
        inferenceTime = histogram("vllm:request_inference_time_seconds", Buckets.REQUEST_TIME);
        var lengths = Buckets.oneTwoFive(model.maxModelLen());
        requestPromptTokens = histogram("vllm:request_prompt_tokens", lengths);
        requestGenerationTokens = histogram("vllm:request_generation_tokens", lengths);
        requestMaxGenerationTokens = histogram("vllm:request_max_num_generation_tokens", lengths);
        requestComputedTokens = histogram("vllm:request_prefill_kv_computed_tokens", lengths);
        paramsN = histogram("vllm:request_params_n", Buckets.CHOICES);
        paramsMaxTokens = histogram("vllm:request_params_max_tokens", lengths);
    }

    private void registerGauges(LlmEngine engine, int blockSize) {
        gauge("vllm:num_requests_running", Tags.empty(), engine, EngineStats::running);
        gauge("vllm:num_requests_waiting", Tags.empty(), engine, EngineStats::waiting);
        gauge(
                "vllm:num_requests_waiting_by_reason",
                Tags.of("reason", "capacity"),
                engine,
                EngineStats::waiting);
        gauge(
                "vllm:num_requests_waiting_by_reason",
                Tags.of("reason", "deferred"),
                engine,
                stats -> 0);
        gauge("vllm:kv_cache_usage_perc", Tags.empty(), engine, ModelMeters::usedShare);
        var pool =
                Tags.of(
                        "block_size",
                        Integer.toString(blockSize),
                        "num_gpu_blocks",
                        Integer.toString(engine.stats().numBlocks()));
        gauge("vllm:cache_config_info", pool, engine, stats -> 1);
    }

    /** 0..1. */
    private static double usedShare(EngineStats stats) {
        return stats.numBlocks() == 0 ? 0 : (double) stats.usedBlocks() / stats.numBlocks();
    }

    private void gauge(
            String name, Tags more, LlmEngine engine, ToDoubleFunction<EngineStats> value) {
        Gauge.builder(name, engine, e -> value.applyAsDouble(e.stats()))
                .tags(tags.and(more))
                .strongReference(true)
                .register(registry);
    }

    private Counter bySource(String source) {
        return counter("vllm:prompt_tokens_by_source", Tags.of("source", source));
    }

    private Counter counter(String name) {
        return counter(name, Tags.empty());
    }

    private Counter counter(String name, Tags more) {
        return Counter.builder(name).tags(tags.and(more)).register(registry);
    }

    private DistributionSummary histogram(String name, double[] buckets) {
        return DistributionSummary.builder(name)
                .tags(tags)
                .serviceLevelObjectives(buckets)
                .register(registry);
    }

    @Override
    public void onStep(StepStats stats) {
        iterationTokens.record(stats.scheduledTokens());
        stepSeconds.record(stats.nanos() / NANOS);
        generationTokens.increment(stats.generatedTokens());
        preemptions.increment(stats.preemptions());
        prefixCacheQueries.increment(stats.prefixQueries());
        prefixCacheHits.increment(stats.prefixHits());
    }

    @Override
    public void onFinished(RequestStats stats) {
        finished.get(reason(stats)).increment();
        if (stats.error() != null && stats.error().kind() == EngineError.Kind.NUMERICAL) {
            corruptedRequests.increment();
        }
        if (stats.choice() == 0) {
            paramsN.record(stats.request().params().n());
            paramsMaxTokens.record(stats.request().params().maxTokens());
        }
        if (stats.firstTokenNanos() >= 0) {
            timeToFirstToken.record(stats.firstTokenNanos() / NANOS);
        }
        for (long gap : stats.interTokenNanos()) {
            interTokenLatency.record(gap / NANOS);
        }
        if (stats.finish() != null) {
            recordTokens(stats);
            recordTimes(stats);
        }
    }

    private static Finished reason(RequestStats stats) {
        if (stats.error() != null) {
            return stats.error().kind() == EngineError.Kind.ABORTED
                    ? Finished.ABORT
                    : Finished.ERROR;
        }
        return switch (stats.finish()) {
            case STOP -> Finished.STOP;
            case LENGTH -> Finished.LENGTH;
        };
    }

    private void recordTokens(RequestStats stats) {
        var usage = stats.usage();
        int computed = usage.promptTokens() - usage.cachedTokens();
        promptTokens.increment(usage.promptTokens());
        promptTokensCached.increment(usage.cachedTokens());
        promptTokensHit.increment(usage.cachedTokens());
        promptTokensComputed.increment(computed);
        requestPromptTokens.record(usage.promptTokens());
        requestGenerationTokens.record(usage.completionTokens());
        requestMaxGenerationTokens.record(usage.completionTokens());
        requestComputedTokens.record(computed);
    }

    private void recordTimes(RequestStats stats) {
        endToEndLatency.record(stats.finishedNanos() / NANOS);
        if (stats.scheduledNanos() >= 0) {
            queueTime.record(stats.scheduledNanos() / NANOS);
            inferenceTime.record((stats.finishedNanos() - stats.scheduledNanos()) / NANOS);
        }
        if (stats.firstTokenNanos() >= 0) {
            long decode = stats.finishedNanos() - stats.firstTokenNanos();
            prefillTime.record((stats.firstTokenNanos() - stats.scheduledNanos()) / NANOS);
            decodeTime.record(decode / NANOS);
            int gaps = stats.usage().completionTokens() - 1;
            if (gaps > 0) {
                timePerOutputToken.record(decode / NANOS / gaps);
            }
        }
    }
}
