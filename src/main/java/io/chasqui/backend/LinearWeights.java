package io.chasqui.backend;

/** A matrix packed by a backend in a layout only it knows. */
public interface LinearWeights {
    /** Output features. */
    int rows();

    /** Input features. */
    int columns();

    /** Bytes the packed matrix takes, i.e. what one pass over it reads. */
    long bytes();
}
