package io.chasqui.cli;

import java.util.Arrays;
import java.util.Collection;

/** Distribution of a set of samples, in their own unit; all zero when there are none. */
record Percentiles(
        int count, double mean, double p50, double p90, double p95, double p99, double max) {

    static Percentiles of(Collection<Double> samples) {
        var sorted = samples.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        return new Percentiles(
                sorted.length,
                Arrays.stream(sorted).average().orElse(0),
                at(sorted, 0.50),
                at(sorted, 0.90),
                at(sorted, 0.95),
                at(sorted, 0.99),
                at(sorted, 1));
    }

    /** Linear between the neighbouring ranks. */
    private static double at(double[] sorted, double share) {
        if (sorted.length == 0) {
            return 0;
        }
        double rank = share * (sorted.length - 1);
        int below = (int) rank;
        int above = Math.min(below + 1, sorted.length - 1);
        return sorted[below] + (rank - below) * (sorted[above] - sorted[below]);
    }
}
