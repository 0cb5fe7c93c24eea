package io.chasqui.http;

import io.chasqui.chat.ModelRegistry;
import io.chasqui.chat.ServedModel;
import jakarta.inject.Singleton;

/** Finds the model of a request. */
@Singleton
final class Models {
    private final ModelRegistry registry;

    Models(ModelRegistry registry) {
        this.registry = registry;
    }

    /**
     * @throws ApiException if it is not being served, or not yet or no longer
     */
    ServedModel require(String name) {
        requireRunning();
        return registry.find(name).orElseThrow(() -> new ApiException(ApiError.modelNotFound()));
    }

    /** The named model, or the first one when none is named. */
    ServedModel requireOrFirst(String name) {
        if (name != null) {
            return require(name);
        }
        requireRunning();
        return registry.models().stream()
                .findFirst()
                .orElseThrow(() -> new ApiException(ApiError.modelNotFound()));
    }

    /** While draining the engine itself refuses, once the endpoints have had time to notice. */
    private void requireRunning() {
        switch (registry.state()) {
            case STARTING -> throw new ApiException(ApiError.starting());
            case DEAD ->
                    throw new ApiException(
                            ApiError.dead("The engine has stopped. The server must be restarted."));
            case READY, DRAINING -> {}
        }
    }
}
