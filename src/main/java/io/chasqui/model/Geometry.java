package io.chasqui.model;

import java.util.Arrays;
import java.util.SequencedSet;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Exact shapes of published models, for runs without their weights; and one that is tiny. */
public enum Geometry {
    LLAMA_3_2_1B(16, 2048, 32, 8, 64, 8192, true, Family.LLAMA_3_2),
    LLAMA_3_2_3B(28, 3072, 24, 8, 128, 8192, true, Family.LLAMA_3_2),
    LLAMA_3_1_8B(32, 4096, 32, 8, 128, 14336, false, Family.LLAMA_3_1),
    LLAMA_3_1_70B(80, 8192, 64, 8, 128, 28672, false, Family.LLAMA_3_1),
    LLAMA_3_1_405B(126, 16384, 128, 8, 128, 53248, false, Family.LLAMA_3_1),
    SMOLLM2_135M(30, 576, 9, 3, 64, 1536, true, Family.SMOLLM2),
    /** No published model: small enough for an emulated GPU, divisible among four. */
    LLAMA_TINY(2, 256, 4, 2, 64, 512, false, Family.TINY);

    private static final float NORM_EPS = 1e-5f;

    private final int layers;
    private final int hidden;
    private final int heads;
    private final int kvHeads;
    private final int headDim;
    private final int ffn;
    private final boolean tiedHead;
    private final Family family;

    Geometry(
            int layers,
            int hidden,
            int heads,
            int kvHeads,
            int headDim,
            int ffn,
            boolean tiedHead,
            Family family) {
        this.layers = layers;
        this.hidden = hidden;
        this.heads = heads;
        this.kvHeads = kvHeads;
        this.headDim = headDim;
        this.ffn = ffn;
        this.tiedHead = tiedHead;
        this.family = family;
    }

    /**
     * The geometry of this name, e.g. {@code llama-3.1-8b}.
     *
     * @throws IllegalArgumentException naming the known ones
     */
    public static Geometry named(String name) {
        return Arrays.stream(values())
                .filter(geometry -> geometry.label().equalsIgnoreCase(name))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "no geometry '" + name + "'; there are " + labels()));
    }

    /** Names of all, comma-separated. */
    public static String labels() {
        return Arrays.stream(values()).map(Geometry::label).collect(Collectors.joining(", "));
    }

    /** Its name, e.g. {@code llama-3.1-8b}. */
    public String label() {
        return switch (this) {
            case LLAMA_3_2_1B -> "llama-3.2-1b";
            case LLAMA_3_2_3B -> "llama-3.2-3b";
            case LLAMA_3_1_8B -> "llama-3.1-8b";
            case LLAMA_3_1_70B -> "llama-3.1-70b";
            case LLAMA_3_1_405B -> "llama-3.1-405b";
            case SMOLLM2_135M -> "smollm2-135m";
            case LLAMA_TINY -> "llama-tiny";
        };
    }

    /** The configuration of the published instruct model. */
    public LlamaConfig config() {
        return new LlamaConfig(
                layers,
                hidden,
                heads,
                kvHeads,
                headDim,
                ffn,
                family.vocab,
                family.context,
                NORM_EPS,
                family.frequencies(headDim),
                tiedHead);
    }

    SequencedSet<Integer> eosTokenIds() {
        return new TreeSet<>(family.eosTokenIds);
    }

    int bosTokenId() {
        return family.bosTokenId;
    }

    /** What models of one release share: vocabulary and RoPE. */
    private enum Family {
        LLAMA_3_1(128_256, 131_072, 500_000, 8, 128_000, Set.of(128_001, 128_008, 128_009)),
        LLAMA_3_2(128_256, 131_072, 500_000, 32, 128_000, Set.of(128_001, 128_008, 128_009)),
        SMOLLM2(49_152, 8_192, 100_000, 1, 1, Set.of(2)),
        TINY(512, 4_096, 500_000, 1, 256, Set.of(257));

        private final int vocab;
        private final int context;
        private final double theta;
        private final double ropeFactor;
        private final int bosTokenId;
        private final Set<Integer> eosTokenIds;

        Family(
                int vocab,
                int context,
                double theta,
                double ropeFactor,
                int bosTokenId,
                Set<Integer> eosTokenIds) {
            this.vocab = vocab;
            this.context = context;
            this.theta = theta;
            this.ropeFactor = ropeFactor;
            this.bosTokenId = bosTokenId;
            this.eosTokenIds = eosTokenIds;
        }

        float[] frequencies(int headDim) {
            var unscaled = RopeFrequencies.unscaled(headDim, theta);
            return ropeFactor == 1
                    ? unscaled
                    : RopeFrequencies.llama3(
                            unscaled, new RopeFrequencies.Llama3Scaling(ropeFactor, 1, 4, 8192));
        }
    }
}
