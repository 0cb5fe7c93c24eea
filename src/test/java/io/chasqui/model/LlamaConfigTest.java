package io.chasqui.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class LlamaConfigTest {

    @Test
    void givesItsShapeToBackends() {
        var shape = config(4, 2, 8, 1e-5f, new float[4]).shape();
        assertEquals(4, shape.heads());
        assertEquals(2, shape.kvHeads());
        assertEquals(8, shape.headDim());
    }

    @Test
    void refusesNumbersThatCannotBeOfOneModel() {
        assertRefused(4, 3, 8, 1e-5f, new float[4]);
        assertRefused(4, 2, 7, 1e-5f, new float[3]);
        assertRefused(4, 2, 8, 0, new float[4]);
        assertRefused(4, 2, 8, Float.NaN, new float[4]);
        assertRefused(4, 2, 8, 1e-5f, new float[8]);
    }

    @Test
    void refusesFrequenciesThatAreNone() {
        for (float bad : new float[] {0, -1, 2, Float.NaN, Float.POSITIVE_INFINITY}) {
            var frequencies = new float[] {1, 0.5f, 0.25f, bad};
            assertThrows(
                    IllegalArgumentException.class,
                    () -> new LlamaConfig(1, 32, 4, 2, 8, 64, 9, 16, 1e-5f, frequencies, true));
        }
    }

    private static void assertRefused(
            int heads, int kvHeads, int headDim, float eps, float[] frequencies) {
        assertThrows(
                IllegalArgumentException.class,
                () -> config(heads, kvHeads, headDim, eps, frequencies));
    }

    private static LlamaConfig config(
            int heads, int kvHeads, int headDim, float eps, float[] frequencies) {
        Arrays.fill(frequencies, 0.5f);
        return new LlamaConfig(1, 32, heads, kvHeads, headDim, 64, 9, 16, eps, frequencies, true);
    }
}
