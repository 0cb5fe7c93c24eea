package io.chasqui.cli;

import io.chasqui.backend.RankShape;
import io.chasqui.model.Geometry;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * The inference memory table of the article that announced Llama 3.1 ("Llama 3.1 - 405B, 70B &amp;
 * 8B with multilinguality and long context", huggingface.co/blog/llama31, 2024-07-23), as printed,
 * beside our figures.
 */
final class PublishedTable {
    private static final int BF16 = 2;
    private static final List<Geometry> MODELS =
            List.of(Geometry.LLAMA_3_1_8B, Geometry.LLAMA_3_1_70B, Geometry.LLAMA_3_1_405B);

    /**
     * A row of weights.
     *
     * @param printed GB, by model
     */
    record Weights(String label, WeightFormat format, List<String> printed) {
        long bytes(Geometry model) {
            var config = model.config();
            return format.checkpoint(new RankShape(config.shape(), 1), config.tiedHead());
        }
    }

    /**
     * A row of KV caches in 16 bits.
     *
     * @param tokens the length that the printed figures are for
     * @param meant the length that the label means
     * @param printed "GB", by model
     */
    record KvCache(String label, int tokens, int meant, List<String> printed) {
        long bytes(Geometry model) {
            var whole = new RankShape(model.config().shape(), 1);
            return whole.kvElementsPerToken() * BF16 * meant;
        }
    }

    static final List<Weights> WEIGHTS =
            List.of(
                    new Weights("FP16", WeightFormat.BF16, List.of("16", "140", "810")),
                    new Weights("FP8", WeightFormat.FP8, List.of("8", "70", "405")),
                    new Weights("INT4", WeightFormat.INT4, List.of("4", "35", "203")));

    static final List<KvCache> KV_CACHES =
            List.of(
                    new KvCache("1k", 1_024, 1_024, List.of("0.125", "0.313", "0.984")),
                    new KvCache("16k", 16_000, 16_384, List.of("1.95", "4.88", "15.38")),
                    new KvCache("128k", 128_000, 131_072, List.of("15.62", "39.06", "123.05")));

    private static final String NOTES =
            """

            ours: weights = linear weights x bits of the format, scales and zero points included,
            + embedding and head (2 x vocabulary x width) x 2 B + norms x 2 B.
            KV cache = 2 x layers x KV heads x head width x 2 B x tokens.

            What is wrong with the printed figures
            - weights are the nominal 8, 70 and 405 billion parameters x 2, 1 and 0.5 B: no scales, and
              embedding and head counted as if they were quantised too.
            - FP8 405B as Meta ships it keeps all but the inner feed-forward blocks in bf16:
              %s GB, not 405.
            - KV figures are GiB, printed as GB.
            - "16k" and "128k" are 16,000 and 128,000 tokens; a full context is 131,072.
            - KV figures of 405B count 16 KV heads; the model has 8, so each is twice what it takes.
            """;

    private PublishedTable() {}

    static void print(PrintWriter out) {
        out.println("Llama 3.1 inference memory: printed (huggingface.co/blog/llama31) and ours");
        out.println();
        row(out, "", MODELS.stream().map(PublishedTable::size).toList());
        out.println("weights, GB");
        for (var row : WEIGHTS) {
            row(out, row.label(), cells(row.printed(), model -> number(row.bytes(model) / 1e9)));
        }
        out.println("KV cache of one context in 16 bits, GB as printed, GiB in truth");
        for (var row : KV_CACHES) {
            row(out, row.label(), cells(row.printed(), model -> number(row.bytes(model) / 0x1p30)));
        }
        long shipped =
                new Weights("", WeightFormat.FP8_FFN, List.of()).bytes(Geometry.LLAMA_3_1_405B);
        out.print(NOTES.formatted(number(shipped / 1e9)));
        out.flush();
    }

    private static List<String> cells(List<String> printed, Function<Geometry, String> ours) {
        return IntStream.range(0, MODELS.size())
                .mapToObj(i -> "%8s %8s".formatted(printed.get(i), ours.apply(MODELS.get(i))))
                .toList();
    }

    private static void row(PrintWriter out, String label, List<String> cells) {
        out.printf("  %-6s%s%n", label, String.join("   ", cells));
    }

    private static String size(Geometry model) {
        return "%8s %8s"
                .formatted(model.label().replaceFirst(".*-", "").toUpperCase(Locale.ROOT), "ours");
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, value < 1 ? "%.3f" : "%.2f", value);
    }
}
