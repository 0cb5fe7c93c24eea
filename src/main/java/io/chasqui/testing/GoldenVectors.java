package io.chasqui.testing;

import io.chasqui.loader.SafetensorsFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** Reference outputs in a safetensors file. */
public record GoldenVectors(SafetensorsFile file) implements AutoCloseable {
    public static GoldenVectors open(Path path) {
        return new GoldenVectors(SafetensorsFile.open(path));
    }

    /** Whether it holds integers of this name. */
    public boolean has(String name) {
        return file.others().containsKey(name);
    }

    public float[] floats(String name) {
        return file.tensors().get(name).data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }

    public int[] ints(String name) {
        MemorySegment data = file.others().get(name).data();
        return data.toArray(ValueLayout.JAVA_INT_UNALIGNED);
    }

    @Override
    public void close() {
        file.close();
    }
}
