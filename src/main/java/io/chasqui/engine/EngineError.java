package io.chasqui.engine;

/**
 * Why a request ended without an answer.
 *
 * @param kind what happened
 * @param message for the client; holds no text, path or class name
 */
public record EngineError(Kind kind, String message) {

    /** What happened. */
    public enum Kind {
        /** A step for this request alone failed. */
        INTERNAL,
        /** Its logits held NaN or infinity. */
        NUMERICAL,
        /** It failed a forward pass twice. */
        POISON,
        /** It waited longer than the queue allows. */
        QUEUE_TIMEOUT,
        /** Its own deadline passed. */
        DEADLINE,
        /** The server stopped before it was done. */
        DRAINING,
        /** The client left. */
        ABORTED,
        /** The engine itself stopped. */
        ENGINE_DEAD
    }
}
