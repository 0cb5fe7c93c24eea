package io.chasqui.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

/** What the article printed follows from formulas with the errors that the command names. */
class PublishedTableTest {
    private static final double[] NOMINAL = {8e9, 70e9, 405e9};
    private static final double[] BYTES_PER_WEIGHT = {2, 1, 0.5};

    /** Layers times KV heads, of which 405B was given 16 instead of 8. */
    private static final int[] LAYER_HEADS = {32 * 8, 80 * 8, 126 * 16};

    @Test
    void printedWeightsAreNominalParametersTimesBits() {
        for (int row = 0; row < 3; row++) {
            for (int model = 0; model < 3; model++) {
                double gb = NOMINAL[model] * BYTES_PER_WEIGHT[row] / 1e9;
                var printed = PublishedTable.WEIGHTS.get(row).printed().get(model);
                assertEquals(gb, Double.parseDouble(printed), 0.5);
            }
        }
    }

    @Test
    void printedCachesAreGibibytesOfRoundLengthsAndSixteenHeads() {
        for (var row : PublishedTable.KV_CACHES) {
            for (int model = 0; model < 3; model++) {
                double gib = 2.0 * LAYER_HEADS[model] * 128 * 2 * row.tokens() / 0x1p30;
                var printed = row.printed().get(model);
                int digits = printed.length() - printed.indexOf('.') - 1;
                assertEquals(gib, Double.parseDouble(printed), 0.5 * Math.pow(10, -digits) + 1e-9);
            }
        }
    }

    @Test
    void standsBesideOurFigures() {
        var out = new StringWriter();
        PublishedTable.print(new PrintWriter(out));
        for (var line :
                new String[] {
                    "FP16 16 16.06 140 141.11 810 811.71",
                    "INT4 4 5.73 35 39.77 203 217.08",
                    "1k 0.125 0.125 0.313 0.313 0.984 0.492",
                    "128k 15.62 16.00 39.06 40.00 123.05 63.00",
                }) {
            assertTrue(
                    out.toString()
                            .lines()
                            .anyMatch(l -> l.strip().replaceAll(" +", " ").equals(line)),
                    line + " in\n" + out);
        }
        assertTrue(out.toString().contains("487.23 GB, not 405"), out.toString());
    }
}
