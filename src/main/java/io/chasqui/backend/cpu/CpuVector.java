package io.chasqui.backend.cpu;

import io.chasqui.backend.VectorWeights;

/** A weight vector in {@code float}. */
record CpuVector(float[] values) implements VectorWeights {
    @Override
    public int length() {
        return values.length;
    }
}
