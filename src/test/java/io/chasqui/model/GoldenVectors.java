package io.chasqui.model;

import io.chasqui.loader.SafetensorsFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** Reference outputs in a safetensors file. */
record GoldenVectors(SafetensorsFile file) implements AutoCloseable {
    static GoldenVectors open(Path path) {
        return new GoldenVectors(SafetensorsFile.open(path));
    }

    float[] floats(String name) {
        return file.tensors().get(name).data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }

    int[] ints(String name) {
        MemorySegment data = file.others().get(name).data();
        return data.toArray(ValueLayout.JAVA_INT_UNALIGNED);
    }

    @Override
    public void close() {
        file.close();
    }
}
