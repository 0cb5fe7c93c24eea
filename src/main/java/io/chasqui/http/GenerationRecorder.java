package io.chasqui.http;

import io.chasqui.chat.ServedModel;
import io.chasqui.engine.RequestOutput;
import io.chasqui.http.Generation.AbortReason;
import java.util.LinkedHashSet;
import java.util.Set;

/** Keeps count of one call's generation for its usage, its log line and the metrics. */
final class GenerationRecorder implements OutputPublisher.Listener {
    private final Call call;
    private final ServedModel model;
    private final HttpMetrics metrics;
    private final Usage usage = new Usage();
    private final Set<String> outcomes = new LinkedHashSet<>();
    private int prompts;
    private long firstOutputNanos = -1;

    GenerationRecorder(Call call, ServedModel model, HttpMetrics metrics) {
        this.call = call;
        this.model = model;
        this.metrics = metrics;
        call.summary(this::summary);
    }

    Usage usage() {
        return usage;
    }

    void onPrompt(int tokens) {
        prompts++;
        usage.addPrompt(tokens);
    }

    void onAbort(AbortReason reason) {
        outcomes.add(reason.name().toLowerCase(java.util.Locale.ROOT));
        metrics.aborted(reason);
    }

    @Override
    public void onOutput(RequestOutput output) {
        if (firstOutputNanos < 0) {
            firstOutputNanos = call.elapsedNanos();
        }
        usage.add(output);
        if (output.finish() != null) {
            outcomes.add(Finish.name(output.finish()));
        }
    }

    @Override
    public void onEnd(ApiError error) {
        if (error != null) {
            outcomes.add(error.code());
        }
    }

    @Override
    public void onStall() {
        call.cut();
    }

    private GenerationSummary summary() {
        return new GenerationSummary(
                model.id(), prompts, usage, String.join(",", outcomes), firstOutputNanos);
    }
}
