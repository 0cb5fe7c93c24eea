package io.chasqui.http;

import io.chasqui.engine.RequestOutput;
import java.io.OutputStream;

/** Turns the outputs of a generation into the bytes of its answer. Used by one thread at a time. */
interface ResponseWriter {

    /** Whether bytes leave before the generation has ended; errors are then events. */
    boolean streaming();

    /** Writes what comes before the first output. */
    void open(OutputStream out);

    /**
     * Takes an output.
     *
     * @param prompt index of the prompt it belongs to
     */
    void write(int prompt, RequestOutput output, OutputStream out);

    /** Writes what comes after the last output. */
    void close(OutputStream out);
}
