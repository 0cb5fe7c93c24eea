package io.chasqui.cli;

import io.chasqui.catalog.LocalModel;
import io.chasqui.chat.ServedModel;
import io.chasqui.config.ChasquiConfig;
import io.chasqui.engine.EngineListener;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** A model put together from its parts: tokenizer, weights on a backend, KV cache, engine. */
final class ModelRuntime implements AutoCloseable {

    /**
     * Reads a model. Needs nothing of Quarkus.
     *
     * @param names its id in the API, then aliases
     */
    static ModelRuntime load(LocalModel model, List<String> names, ChasquiConfig config) {
        throw new UnsupportedOperationException();
    }

    /** Starts its engine. */
    ServedModel start(EngineListener listener) {
        throw new UnsupportedOperationException();
    }

    /** How long its parts took. */
    Map<String, Duration> times() {
        return Map.of();
    }

    @Override
    public void close() {}
}
