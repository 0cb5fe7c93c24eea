package io.chasqui.observability;

import io.chasqui.chat.ModelRegistry;
import io.chasqui.chat.ServedModel;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.engine.EngineListener;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Startup;
import jakarta.inject.Singleton;

/** What the engine does, as metrics; they exist from the moment its model is served. */
@Startup
@Singleton
public final class EngineMetrics implements EngineListener {
    private volatile ModelMeters meters;

    EngineMetrics(MeterRegistry registry, ModelRegistry models, ChasquiConfig config) {
        models.onAdd(model -> watch(model, registry, config.blockSize()));
    }

    private void watch(ServedModel model, MeterRegistry registry, int blockSize) {
        var added = new ModelMeters(registry, model, blockSize);
        if (meters == null) {
            meters = added;
        }
    }

    @Override
    public void onStep(StepStats stats) {
        if (meters != null) {
            meters.onStep(stats);
        }
    }

    @Override
    public void onFinished(RequestStats stats) {
        if (meters != null) {
            meters.onFinished(stats);
        }
    }
}
