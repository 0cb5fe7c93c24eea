package io.chasqui.engine;

import io.chasqui.config.EngineConfig;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Bounds what waits: requests, prompt tokens, and one key's share of both. A request is charged
 * before it is queued, so that the bound holds whatever the number of callers, and released when it
 * starts or ends. Used by all threads.
 */
final class Admission {
    private final EngineConfig config;
    private final AtomicInteger requests = new AtomicInteger();
    private final AtomicInteger tokens = new AtomicInteger();
    private final ConcurrentHashMap<String, Integer> requestsByKey = new ConcurrentHashMap<>();

    Admission(EngineConfig config) {
        this.config = config;
    }

    /**
     * Charges a request for all its choices.
     *
     * @param retryAfterSeconds what to tell a caller who is refused
     * @throws AdmissionException when there is no room
     */
    void charge(GenerationRequest request, int retryAfterSeconds) {
        int n = request.params().n();
        int length = request.promptTokens().length;
        if (requests.addAndGet(n) > config.maxQueuedRequests()) {
            requests.addAndGet(-n);
            throw full("the queue of waiting requests is full", retryAfterSeconds);
        }
        if (tokens.addAndGet(length) > Math.max(config.maxQueuedTokens(), length)) {
            tokens.addAndGet(-length);
            requests.addAndGet(-n);
            throw full("the queue of waiting prompt tokens is full", retryAfterSeconds);
        }
        if (!chargeKey(request.key(), n)) {
            tokens.addAndGet(-length);
            requests.addAndGet(-n);
            throw new AdmissionException(
                    AdmissionException.Reason.KEY_SHARE,
                    "this key's share of the queue is used up",
                    retryAfterSeconds);
        }
    }

    private static AdmissionException full(String message, int retryAfterSeconds) {
        return new AdmissionException(
                AdmissionException.Reason.QUEUE_FULL, message, retryAfterSeconds);
    }

    /** One key may fill half of the queue; without keys there is nobody to share with. */
    private boolean chargeKey(String key, int n) {
        if (key.isEmpty()) {
            return true;
        }
        int share = Math.max(1, config.maxQueuedRequests() / 2);
        int held = requestsByKey.merge(key, n, Integer::sum);
        if (held <= share) {
            return true;
        }
        releaseKey(key, n);
        return false;
    }

    private void releaseKey(String key, int n) {
        if (!key.isEmpty()) {
            requestsByKey.computeIfPresent(key, (k, held) -> held == n ? null : held - n);
        }
    }

    /** One choice no longer waits; the first one takes the prompt's tokens along. */
    void release(Request request) {
        requests.decrementAndGet();
        if (request.choice() == 0) {
            tokens.addAndGet(-request.promptLength());
        }
        releaseKey(request.group().request().key(), 1);
    }

    int requests() {
        return requests.get();
    }

    int tokens() {
        return tokens.get();
    }

    int requests(String key) {
        return requestsByKey.getOrDefault(key, 0);
    }
}
