package io.chasqui.cli;

import io.chasqui.backend.RankShape;
import io.chasqui.engine.LlmEngine;
import java.io.PrintWriter;
import java.util.Locale;

/** Prints a {@link CapacityPlan} with the formulas behind its figures. */
final class PlanText {
    private final PrintWriter out;

    private PlanText(PrintWriter out) {
        this.out = out;
    }

    static void print(CapacityPlan plan, PrintWriter out) {
        var text = new PlanText(out);
        text.model(plan);
        text.device(plan);
        text.verdict(plan);
        out.flush();
    }

    /** The fewest GPUs of each kind. */
    static void compare(PlanRequest request, PrintWriter out) {
        var text = new PlanText(out);
        text.model(CapacityPlan.of(request, "", 0, 1));
        text.line("Fewest GPUs for one context of %,d tokens", request.context());
        for (var gpu : Gpu.values()) {
            var fewest = CapacityPlan.fewestGpus(request, gpu.label(), gpu.memory());
            text.line(
                    "  %-8s %6s GiB  %s",
                    gpu.label(),
                    gib(gpu.memory(), 1),
                    fewest.map(
                                    ranks ->
                                            "%d, then %,d tokens fit"
                                                    .formatted(
                                                            ranks,
                                                            CapacityPlan.of(
                                                                            request,
                                                                            gpu.label(),
                                                                            gpu.memory(),
                                                                            ranks)
                                                                    .memory()
                                                                    .poolTokens()))
                            .orElse("more than " + CapacityPlan.MOST_RANKS));
        }
        out.flush();
    }

    private void model(CapacityPlan plan) {
        var request = plan.request();
        var shape = plan.rank().model();
        var whole = new RankShape(shape, 1);
        line(
                "%s: %d layers, width %d, %d query and %d KV heads of %d, feed-forward %d,"
                        + " vocabulary %d",
                request.model().name(),
                shape.layers(),
                shape.hidden(),
                shape.heads(),
                shape.kvHeads(),
                shape.headDim(),
                shape.ffn(),
                shape.vocab());
        line("");
        line(
                "weights    %s GB (%s GiB) in %s: %s",
                gb(plan.checkpoint()),
                gib(plan.checkpoint(), 2),
                request.format().label(),
                request.format().formula());
        request.model()
                .stored()
                .ifPresent(bytes -> line("           %s GB as its files hold them", gb(bytes)));
        long perToken = whole.kvElementsPerToken() * request.kvElementBytes();
        line(
                "KV cache   %,d B per token = 2 x %d layers x %d heads x %d x %d B",
                perToken,
                shape.layers(),
                shape.kvHeads(),
                shape.headDim(),
                request.kvElementBytes());
        line(
                "           %s GiB per context of %,d tokens",
                gib(perToken * request.context(), 3), request.context());
        line("");
    }

    private void device(CapacityPlan plan) {
        var request = plan.request();
        var memory = plan.memory();
        line("Each of %d x %s, %s GiB", plan.rank().ranks(), plan.gpu(), gib(memory.memory(), 1));
        row(
                "usable",
                memory.usable(),
                "%s of it; the rest is for driver, kernels and CUDA graphs",
                request.utilization());
        row(
                "weights",
                memory.weights(),
                "%s; matrices in whole tiles of 64 x 64, norms in float",
                plan.rank().ranks() == 1 ? "all" : "a share of each matrix");
        row(
                "workspace",
                memory.workspace(),
                "%d tokens a step, %d rows of logits",
                request.maxNumBatchedTokens(),
                LlmEngine.maxRows(request.maxNumSeqs()));
        row(
                "KV cache",
                memory.kvCache(),
                "usable - weights - workspace = %,d blocks of %d tokens at %,d B a token",
                memory.blocks(),
                memory.blockSize(),
                memory.kvBytesPerToken());
        line("");
    }

    private void verdict(CapacityPlan plan) {
        var memory = plan.memory();
        int context = plan.request().context();
        if (plan.fits()) {
            line(
                    "Fits: %,d tokens in the KV cache, or %,d x %,d.",
                    memory.poolTokens(), plan.contexts(), context);
        } else {
            line(
                    "Does not fit: on each GPU %s: %s GiB are missing.",
                    memory.arithmetic(context), gib(memory.missing(context), 2));
            var remedies = plan.remedies();
            line(
                    remedies.isEmpty()
                            ? "No single change of ranks, formats or context makes it fit."
                            : "It would fit with " + String.join(", or ", remedies) + ".");
        }
        if (plan.rank().ranks() > CapacityPlan.MOST_RANKS) {
            line("Chasqui divides a model over at most %d GPUs.", CapacityPlan.MOST_RANKS);
        }
        if (plan.request().format() != WeightFormat.BF16 || plan.request().kvElementBytes() != 2) {
            line(
                    "On GPUs, Chasqui so far computes with weights and KV cache in bf16, whatever the"
                            + " files hold: this plan is for later.");
        }
    }

    private void row(String part, long bytes, String formula, Object... values) {
        line("  %-10s %10s GiB  %s", part, gib(bytes, 3), format(formula, values));
    }

    private void line(String pattern, Object... values) {
        out.println(format(pattern, values));
    }

    private static String format(String pattern, Object... values) {
        return String.format(Locale.ROOT, pattern, values);
    }

    static String gb(long bytes) {
        return format("%.2f", bytes / 1e9);
    }

    static String gib(long bytes, int digits) {
        return format("%." + digits + "f", bytes / (double) (1L << 30));
    }
}
