package io.chasqui.model;

/** Where a checkpoint's tensors live. */
@FunctionalInterface
interface WeightStorage {
    /** Ends the views handed out so far, if keeping them costs memory. Mapped files do not. */
    default void release() {}

    /** Ends everything. */
    void close();
}
