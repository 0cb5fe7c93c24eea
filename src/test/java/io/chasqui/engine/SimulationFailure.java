package io.chasqui.engine;

/** Something that must hold did not. */
final class SimulationFailure extends RuntimeException {
    SimulationFailure(String problem) {
        super(problem);
    }
}
