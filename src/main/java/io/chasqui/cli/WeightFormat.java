package io.chasqui.cli;

import io.chasqui.backend.LinearRole;
import io.chasqui.backend.RankShape;
import io.chasqui.backend.RankShape.Matrix;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * Formats that weights are published in, and what they take. Norms stay in 16 or 32 bits; embedding
 * and head stay in 16 bits except in GGUF files.
 */
enum WeightFormat {
    BF16(16, 0, 16, "2 B per weight"),
    FP8(8, 4, 16, "1 B per weight and a 4 B scale per output row; embedding and head in bf16"),
    FP8_FFN(
            8,
            4,
            16,
            "as Meta ships 405B: FP8 in the feed-forward blocks but the first and last layer's, a 4 B"
                    + " scale per output row; all else in bf16"),
    INT4(
            4 + 20.0 / 128,
            0,
            16,
            "AWQ or GPTQ: 4 bits, and per 128 weights a 16-bit scale and a 4-bit zero point;"
                    + " embedding and head in bf16"),
    W4A16(
            4 + 16.0 / 128,
            0,
            16,
            "compressed-tensors: 4 bits, and a 16-bit scale per 128 weights; embedding and head in"
                    + " bf16"),
    NF4(
            4 + 32.0 / 64,
            0,
            16,
            "bitsandbytes: 4 bits, and a 32-bit scale per 64 weights; embedding and head in bf16"),
    Q8_0(8.5, 0, 8.5, "GGUF, every matrix: 34 B per 32 weights"),
    Q6_K(6.5625, 0, 6.5625, "GGUF, every matrix: 210 B per 256 weights"),
    Q5_K(5.5, 0, 5.5, "GGUF, every matrix: 176 B per 256 weights"),
    Q4_K(4.5, 0, 4.5, "GGUF, every matrix: 144 B per 256 weights"),
    Q4_1(5, 0, 5, "GGUF, every matrix: 20 B per 32 weights"),
    Q4_0(4.5, 0, 4.5, "GGUF, every matrix: 18 B per 32 weights");

    private static final int BF16_BITS = 16;

    private final double layerBits;
    private final int rowBytes;
    private final double vocabularyBits;
    private final String formula;

    /**
     * @param layerBits per weight of the layers' matrices
     * @param rowBytes more per output row of these
     * @param vocabularyBits per weight of embedding and head
     */
    WeightFormat(double layerBits, int rowBytes, double vocabularyBits, String formula) {
        this.layerBits = layerBits;
        this.rowBytes = rowBytes;
        this.vocabularyBits = vocabularyBits;
        this.formula = formula;
    }

    /**
     * The format of this name.
     *
     * @throws UserException naming all
     */
    static WeightFormat named(String name) {
        return Arrays.stream(values())
                .filter(format -> format.label().equals(name.toLowerCase(Locale.ROOT)))
                .findFirst()
                .orElseThrow(
                        () ->
                                new UserException(
                                        "--dtype: no format '%s'; there are %s."
                                                .formatted(name, labels())));
    }

    private static String labels() {
        return Arrays.stream(values()).map(WeightFormat::label).collect(Collectors.joining(", "));
    }

    String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** What a weight takes, in words. */
    String formula() {
        return formula;
    }

    /** Bytes of a checkpoint in this format; norms in 16 bits. */
    long checkpoint(RankShape whole, boolean tiedHead) {
        int layers = whole.model().layers();
        return whole.total(tiedHead, (matrix, layer) -> matrix(matrix, layer, layers))
                + whole.normElements() * Short.BYTES;
    }

    /**
     * Bytes of a matrix.
     *
     * @param layers number of layers
     */
    long matrix(Matrix matrix, int layer, int layers) {
        if (layer == RankShape.NO_LAYER) {
            return bytes(matrix, vocabularyBits);
        }
        if (this == FP8_FFN && !isInnerFfn(matrix, layer, layers)) {
            return bytes(matrix, BF16_BITS);
        }
        return bytes(matrix, layerBits) + (long) matrix.rows() * rowBytes;
    }

    private static long bytes(Matrix matrix, double bits) {
        return Math.round((double) matrix.rows() * matrix.columns() * bits / Byte.SIZE);
    }

    private static boolean isInnerFfn(Matrix matrix, int layer, int layers) {
        boolean ffn = matrix.role() == LinearRole.GATE_UP || matrix.role() == LinearRole.DOWN;
        return ffn && layer > 0 && layer < layers - 1;
    }
}
