package io.chasqui.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.chasqui.model.RopeFrequencies.Llama3Scaling;
import io.chasqui.testing.SharedData;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class RopeFrequenciesTest {
    private static final int HEAD_DIM = 128;
    private static final double THETA = 500_000;
    private static final Llama3Scaling LLAMA_3_1 = new Llama3Scaling(8, 1, 4, 8192);

    @Test
    void unscaledEqualTheReference() throws IOException {
        assertClose(vector("inv_freq_unscaled"), RopeFrequencies.unscaled(HEAD_DIM, THETA));
    }

    @Test
    void scaledForLlama31EqualTheReference() throws IOException {
        var unscaled = RopeFrequencies.unscaled(HEAD_DIM, THETA);
        assertClose(vector("inv_freq_llama3"), RopeFrequencies.llama3(unscaled, LLAMA_3_1));
    }

    @Test
    void dividedByGgufDivisorsEqualTheReference() throws IOException {
        var factors = vector("rope_factors");
        var divisors = new float[factors.length];
        for (int i = 0; i < divisors.length; i++) {
            divisors[i] = (float) factors[i];
        }
        var unscaled = RopeFrequencies.unscaled(HEAD_DIM, THETA);
        assertClose(vector("inv_freq_llama3"), RopeFrequencies.divided(unscaled, divisors));
    }

    @Test
    void divideBy32ForLlama32() {
        var unscaled = RopeFrequencies.unscaled(64, THETA);
        var scaled = RopeFrequencies.llama3(unscaled, new Llama3Scaling(32, 1, 4, 8192));
        assertEquals(unscaled[0], scaled[0]);
        assertEquals(unscaled[31] / 32, scaled[31]);
    }

    @Test
    void headsStoredInAdjacentPairsAreReadInHalves() {
        assertArrayEquals(
                new int[] {0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11}, HeadRows.adjacent(2, 6));
    }

    private static void assertClose(double[] expected, float[] actual) {
        assertEquals(expected.length, actual.length);
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], actual[i], 1e-6 * expected[i], "pair " + i);
        }
    }

    private static double[] vector(String name) throws IOException {
        var path = SharedData.path("data/rope/rope_llama3_head128.json");
        JsonNode array = new ObjectMapper().readTree(path.toFile()).get(name);
        var values = new double[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).doubleValue();
        }
        return values;
    }
}
