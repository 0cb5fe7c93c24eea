package io.chasqui.backend;

/** A weight vector held by a backend. */
public interface VectorWeights {
    int length();
}
