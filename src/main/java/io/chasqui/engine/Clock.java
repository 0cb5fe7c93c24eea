package io.chasqui.engine;

/** Time as the engine sees it; simulations put their own in its place. */
@FunctionalInterface
public interface Clock {
    /** The machine's monotonic clock. */
    Clock SYSTEM = System::nanoTime;

    /** Nanoseconds from an arbitrary start. */
    long nanoTime();
}
