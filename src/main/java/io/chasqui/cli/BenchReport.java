package io.chasqui.cli;

import java.util.List;
import java.util.Locale;

/**
 * Result of {@code chasqui bench}, as {@code --json} writes it.
 *
 * @param model what was measured in this process; null for a server
 * @param measurements of the model; null for a server
 * @param serving of a server; null for a model
 */
record BenchReport(
        BenchMachine machine,
        MeasuredModel model,
        List<OfflineBenchmark.Measurement> measurements,
        ServingBenchmark.Result serving) {

    /**
     * The model and how it ran.
     *
     * @param format element types of its matrices as stored
     * @param backend the backend's name, vector width included
     * @param kvBytesPerToken keys and values of one token
     * @param weightBytes bytes of weights that one step reads, as packed
     * @param readGigabytesPerSecond memory bandwidth: of plain loads on the same threads, the
     *     better of before and after; of a GPU that of copies, read and written
     */
    record MeasuredModel(
            String name,
            String format,
            String backend,
            int threads,
            long kvBytesPerToken,
            long weightBytes,
            double readGigabytesPerSecond) {}

    static BenchReport of(MeasuredModel model, List<OfflineBenchmark.Measurement> measurements) {
        return new BenchReport(BenchMachine.here(), model, measurements, null);
    }

    static BenchReport of(ServingBenchmark.Result serving) {
        return new BenchReport(BenchMachine.here(), null, null, serving);
    }

    /** The table for people. */
    String text() {
        return serving == null ? offlineText() : servingText();
    }

    private String offlineText() {
        var text = new StringBuilder();
        text.append(
                line(
                        "%s, %s, %s, %d threads; %s",
                        model.name(),
                        model.format(),
                        model.backend(),
                        model.threads(),
                        machine.cpu()));
        text.append(
                line(
                        "a step reads %.1f MB of weights, %.1f KB of KV cache per token; memory reads"
                                + " %.1f GB/s%n",
                        model.weightBytes() / 1e6,
                        model.kvBytesPerToken() / 1e3,
                        model.readGigabytesPerSecond()));
        text.append(
                line(
                        "%-8s %5s %6s %6s %10s %17s %8s %8s %9s %9s %8s",
                        "phase",
                        "batch",
                        "tokens",
                        "depth",
                        "tok/s",
                        "(min - max)",
                        "GB/s",
                        "of roof",
                        "GFLOP/s",
                        "sampling",
                        "cold"));
        for (var m : measurements) {
            text.append(
                    line(
                            "%-8s %5d %6d %6d %10.1f %8.1f -%7.1f %8.1f %7.0f%% %9.1f %8.1f%% %8.1f%s",
                            m.phase(),
                            m.batch(),
                            m.length(),
                            m.depth(),
                            m.tokensPerSecond(),
                            m.min(),
                            m.max(),
                            m.gigabytesPerSecond(),
                            100 * m.gigabytesPerSecond() / model.readGigabytesPerSecond(),
                            m.gigaflopsPerSecond(),
                            100 * m.samplingShare(),
                            m.firstPass(),
                            m.settled() ? "" : "  (did not settle)"));
        }
        return text.toString();
    }

    private String servingText() {
        var text = new StringBuilder();
        text.append(
                line(
                        "%s, %d streams, %d requests, %d failed, %.1f s",
                        serving.model(),
                        serving.concurrency(),
                        serving.completed(),
                        serving.failures().values().stream().mapToInt(n -> n).sum(),
                        serving.seconds()));
        text.append(
                line(
                        "output %.1f tok/s, with prompts %.1f tok/s (%d prompt, %d output tokens)%n",
                        serving.outputTokensPerSecond(),
                        serving.totalTokensPerSecond(),
                        serving.promptTokens(),
                        serving.outputTokens()));
        text.append(
                line(
                        "%-8s %9s %9s %9s %9s %9s %9s",
                        "ms", "mean", "p50", "p90", "p95", "p99", "max"));
        text.append(line("TTFT", serving.ttftMillis()));
        text.append(line("TPOT", serving.tpotMillis()));
        text.append(line("ITL", serving.itlMillis()));
        text.append(line("E2E", serving.e2eMillis()));
        return text.toString();
    }

    private static String line(String name, Percentiles p) {
        return line(
                "%-8s %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f",
                name, p.mean(), p.p50(), p.p90(), p.p95(), p.p99(), p.max());
    }

    private static String line(String format, Object... args) {
        return String.format(Locale.ROOT, format + "%n", args);
    }
}
