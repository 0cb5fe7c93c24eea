package io.chasqui.engine;

/** A request that the engine does not take. */
public final class AdmissionException extends RuntimeException {
    private final Reason reason;
    private final int retryAfterSeconds;

    public AdmissionException(Reason reason, String message, int retryAfterSeconds) {
        super(message, null, false, false);
        this.reason = reason;
        this.retryAfterSeconds = retryAfterSeconds;
    }

    public Reason reason() {
        return reason;
    }

    /** 1..60, or 0 when trying again is no use. */
    public int retryAfterSeconds() {
        return retryAfterSeconds;
    }

    /** Why not. */
    public enum Reason {
        /** Prompt and output can never fit: 400 context_length_exceeded. */
        TOO_LONG,
        /** The queue is full: 429 queue_full. */
        QUEUE_FULL,
        /** This key's share of the queue is used up: 429 rate_limit_exceeded. */
        KEY_SHARE,
        /** The server is stopping: 503 draining. */
        DRAINING,
        /** The engine has stopped: 503 engine_dead. */
        DEAD
    }
}
