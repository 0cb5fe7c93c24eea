package io.chasqui.http;

import io.chasqui.chat.ServedModel;
import io.chasqui.config.HttpConfig;
import io.chasqui.engine.AdmissionException;
import io.chasqui.engine.GenerationRequest;
import io.chasqui.engine.SamplingParams;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import jakarta.inject.Singleton;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jboss.resteasy.reactive.RestMulti;

/** Takes read requests to the engine and their outputs back to the client. */
@Singleton
final class Generations {
    private final HttpConfig config;
    private final RenderPool renderPool;
    private final HttpMetrics metrics;

    Generations(HttpConfig config, RenderPool renderPool, HttpMetrics metrics) {
        this.config = config;
        this.renderPool = renderPool;
        this.metrics = metrics;
    }

    /**
     * What a request has become: ready to be submitted.
     *
     * @param requests one per prompt
     * @param writer writes the answer
     */
    record Job(List<GenerationRequest> requests, ResponseWriter writer) {}

    /**
     * Answers a call. Nothing happens until the framework subscribes, because it does so only for a
     * client that is still there; then the job is made on a virtual thread and submitted. Until the
     * first output a failure becomes the status of the answer.
     *
     * @param promptParam the field that holds the prompt, for errors
     * @param prepare renders and tokenises; counts its prompts with the recorder it is given
     */
    RestMulti<byte[]> answer(
            Call call,
            ServedModel model,
            String promptParam,
            Function<GenerationRecorder, Job> prepare) {
        var recorder = new GenerationRecorder(call, model, metrics);
        var generation = new Generation(model.engine(), recorder::onAbort);
        Uni<Job> admission =
                Uni.createFrom()
                        .item(
                                () -> {
                                    call.onClose(generation::disconnected);
                                    var job = prepare.apply(recorder);
                                    submit(generation, job, promptParam);
                                    return job;
                                })
                        .runSubscriptionOn(renderPool)
                        .onCancellation()
                        .invoke(generation::disconnected);
        return RestMulti.fromUniResponse(
                admission,
                job ->
                        Multi.createFrom()
                                .publisher(
                                        new OutputPublisher(
                                                generation,
                                                job.writer(),
                                                call.eventLoop(),
                                                config,
                                                recorder)),
                job -> headers(call, model, job.writer().streaming()),
                job -> 200);
    }

    private static void submit(Generation generation, Job job, String promptParam) {
        try {
            generation.submit(job.requests());
        } catch (AdmissionException refusal) {
            throw ApiException.of(refusal, promptParam);
        }
    }

    /** A request for the engine on behalf of this call. */
    static GenerationRequest request(
            Call call, int[] prompt, SamplingParams params, int priority, String cacheSalt) {
        return new GenerationRequest(
                call.id(),
                prompt,
                params,
                Math.max(priority, call.caller().minPriority()),
                call.caller().name(),
                cacheSalt,
                call.timeout(),
                call.patience());
    }

    private static Map<String, List<String>> headers(
            Call call, ServedModel model, boolean streaming) {
        var headers = new HashMap<String, List<String>>();
        headers.put("Content-Type", List.of(streaming ? Sse.MEDIA_TYPE : "application/json"));
        if (streaming) {
            headers.put("Cache-Control", List.of("no-store"));
            headers.put("X-Accel-Buffering", List.of("no"));
        }
        var format = call.request().getHeader(LoadReport.REQUEST_HEADER);
        if (format != null) {
            LoadReport.of(model.engine().stats(), format)
                    .ifPresent(report -> headers.put(LoadReport.HEADER, List.of(report)));
        }
        return headers;
    }
}
