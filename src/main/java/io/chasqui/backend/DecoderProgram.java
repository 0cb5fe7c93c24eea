package io.chasqui.backend;

/**
 * The stages of a model in order. A backend may run it once for each of its devices, on the thread
 * of that device, or record the calls and replay them when it is given the same object again: so it
 * must make the same calls each time.
 */
@FunctionalInterface
public interface DecoderProgram {
    void run(DecoderStages stages);
}
