package io.chasqui.engine;

/** Why a choice ended well. Everything else is an {@link EngineError}. */
public enum FinishReason {
    STOP,
    LENGTH
}
