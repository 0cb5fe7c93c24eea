package io.chasqui.engine;

import java.time.Duration;

/**
 * What is handed to {@link LlmEngine#submit}.
 *
 * @param id the request id of logs and headers
 * @param promptTokens the prompt; never empty
 * @param params how to generate
 * @param priority lower is sooner; requests of equal priority are served in order of arrival
 * @param key name of the caller's API key, for shares and cache scope; "" without keys
 * @param cacheSalt narrows prefix sharing further; "" for none
 * @param timeout total time allowed, or null
 * @param queueTimeout longest wait before the first step, or null for the engine's own
 */
public record GenerationRequest(
        String id,
        int[] promptTokens,
        SamplingParams params,
        int priority,
        String key,
        String cacheSalt,
        Duration timeout,
        Duration queueTimeout) {

    public GenerationRequest {
        if (promptTokens.length == 0) {
            throw new IllegalArgumentException("prompt: at least one token is needed");
        }
    }

    GenerationRequest withQueueTimeout(Duration limit) {
        return new GenerationRequest(
                id, promptTokens, params, priority, key, cacheSalt, timeout, limit);
    }
}
