package io.chasqui.model;

import io.chasqui.loader.GgufFile;
import io.chasqui.loader.ModelFormatException;
import io.chasqui.loader.TensorView;
import io.chasqui.quant.DType;
import io.chasqui.quant.Dequantizer;
import java.util.List;
import java.util.SequencedSet;
import java.util.Set;
import java.util.TreeSet;

/** What the metadata and the RoPE divisors of a GGUF file say about its model. */
record GgufConfig(LlamaConfig config, SequencedSet<Integer> eosTokenIds, Integer bosTokenId) {
    /** Divisors of the RoPE frequencies, {@code [headDim / 2]}, f32. */
    static final String ROPE_FREQS = "rope_freqs.weight";

    private static final int TOKEN_TYPE_CONTROL = 3;
    private static final int TOKEN_TYPE_USER_DEFINED = 4;
    private static final double DEFAULT_THETA = 10_000;
    private static final int LLAMA3_CONTEXT = 8192;

    /** Tokens that end a turn or a text in the families served, whatever the metadata says. */
    private static final Set<String> END_TOKENS =
            Set.of("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|im_end|>", "<|endoftext|>");

    private static final System.Logger LOG = System.getLogger(GgufConfig.class.getName());

    /**
     * @throws ModelFormatException if a value is absent, impossible or of a model that is not
     *     supported
     */
    static GgufConfig read(GgufFile file) {
        var keys = new GgufKeys(file.name(), file.metadata());
        refuseUnsupported(keys);
        int hidden = keys.integer("llama.embedding_length", 1, ConfigLimits.WIDTH);
        int heads = keys.integer("llama.attention.head_count", 1, ConfigLimits.HEADS);
        int headDim = headDim(keys, hidden, heads);
        try {
            var config =
                    new LlamaConfig(
                            keys.integer("llama.block_count", 1, ConfigLimits.LAYERS),
                            hidden,
                            heads,
                            keys.integer(
                                    "llama.attention.head_count_kv", 1, ConfigLimits.HEADS, heads),
                            headDim,
                            keys.integer("llama.feed_forward_length", 1, ConfigLimits.WIDTH),
                            vocab(keys),
                            keys.integer("llama.context_length", 1, ConfigLimits.CONTEXT),
                            (float) keys.number("llama.attention.layer_norm_rms_epsilon"),
                            frequencies(keys, file, headDim),
                            !file.tensors().containsKey(LlamaTensor.HEAD.ggufName(0)));
            return new GgufConfig(config, eosTokenIds(keys, config.vocab()), bos(keys, config));
        } catch (IllegalArgumentException e) {
            throw new ModelFormatException(file.name() + ": " + e.getMessage(), e);
        }
    }

    private static void refuseUnsupported(GgufKeys keys) {
        var architecture = keys.text("general.architecture");
        if (!"llama".equals(architecture)) {
            throw keys.error(
                    "general.architecture",
                    architecture == null
                            ? "is missing"
                            : "is '" + architecture + "'; only llama is supported");
        }
        var type = keys.text("general.type");
        if (type != null && !type.equals("model")) {
            throw keys.error("general.type", "is '" + type + "': this file is not a model");
        }
        var scaling = keys.text("llama.rope.scaling.type");
        if (scaling != null && !scaling.equals("none")) {
            throw keys.error(
                    "llama.rope.scaling.type",
                    "is '" + scaling + "'; only none and " + ROPE_FREQS + " are supported");
        }
        if (keys.number("llama.rope.scale_linear", 1) != 1) {
            throw keys.error("llama.rope.scale_linear", "is not 1");
        }
        if (keys.integer("llama.expert_count", 0, Integer.MAX_VALUE, 0) != 0) {
            throw keys.error("llama.expert_count", "is not 0: experts are not supported");
        }
    }

    private static int headDim(GgufKeys keys, int hidden, int heads) {
        var key = "llama.attention.key_length";
        if (!keys.has(key) && hidden % heads != 0) {
            throw keys.error(
                    "llama.embedding_length",
                    "is " + hidden + ", which does not divide among " + heads + " heads");
        }
        int headDim = keys.integer(key, 2, ConfigLimits.HEAD_DIM, hidden / heads);
        for (var same : List.of("llama.attention.value_length", "llama.rope.dimension_count")) {
            int value = keys.integer(same, 1, ConfigLimits.HEAD_DIM, headDim);
            if (value != headDim) {
                throw keys.error(same, "is " + value + "; heads are " + headDim + " wide");
            }
        }
        return headDim;
    }

    private static int vocab(GgufKeys keys) {
        var tokens = keys.texts("tokenizer.ggml.tokens");
        int absent = tokens == null ? -1 : tokens.length;
        int vocab = keys.integer("llama.vocab_size", 1, ConfigLimits.VOCAB, absent);
        if (vocab < 1) {
            throw keys.error("llama.vocab_size", "is missing");
        }
        if (tokens != null && tokens.length != vocab) {
            throw keys.error(
                    "llama.vocab_size",
                    "is " + vocab + ", but there are " + tokens.length + " tokens");
        }
        return vocab;
    }

    private static float[] frequencies(GgufKeys keys, GgufFile file, int headDim) {
        double theta = keys.number("llama.rope.freq_base", DEFAULT_THETA);
        if (theta < 1) {
            throw keys.error("llama.rope.freq_base", "is " + theta + ", less than 1");
        }
        var unscaled = RopeFrequencies.unscaled(headDim, theta);
        var divisors = file.tensors().get(ROPE_FREQS);
        if (divisors == null) {
            warnIfScalingLost(keys, file, theta);
            return unscaled;
        }
        if (divisors.dtype() != DType.F32 || !divisors.shape().equals(List.of(headDim / 2L))) {
            throw new ModelFormatException(
                    "%s: tensor '%s' is %s %s instead of F32 [%d]"
                            .formatted(
                                    file.name(),
                                    ROPE_FREQS,
                                    divisors.dtype(),
                                    divisors.shape(),
                                    headDim / 2));
        }
        return RopeFrequencies.divided(unscaled, read(file, divisors));
    }

    private static float[] read(GgufFile file, TensorView divisors) {
        var values = new float[Math.toIntExact(divisors.shape().getFirst())];
        Dequantizer.dequantize(DType.F32, divisors.data(), 0, values, 0, values.length);
        for (float value : values) {
            if (!(value >= 1 && Float.isFinite(value))) {
                throw new ModelFormatException(
                        file.name() + ": tensor '" + ROPE_FREQS + "' holds the divisor " + value);
            }
        }
        return values;
    }

    /** Files converted before the divisors were known run Llama 3.1 with unscaled RoPE. */
    private static void warnIfScalingLost(GgufKeys keys, GgufFile file, double theta) {
        if (theta == 500_000
                && keys.integer("llama.context_length", 1, ConfigLimits.CONTEXT) > LLAMA3_CONTEXT) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    "{0}: a Llama 3.1 model without {1}: converted by an old tool, it will be"
                            + " wrong in long texts; use a newer file",
                    file.name(),
                    ROPE_FREQS);
        }
    }

    private static SequencedSet<Integer> eosTokenIds(GgufKeys keys, int vocab) {
        var ids = new TreeSet<Integer>();
        for (var name : List.of("eos", "eot", "eom")) {
            var key = "tokenizer.ggml." + name + "_token_id";
            if (keys.has(key)) {
                ids.add(keys.integer(key, 0, vocab - 1));
            }
        }
        var tokens = keys.texts("tokenizer.ggml.tokens");
        var types = keys.integers("tokenizer.ggml.token_type");
        for (int i = 0; tokens != null && types != null && i < tokens.length; i++) {
            if (i < types.length && isSpecial(types[i]) && END_TOKENS.contains(tokens[i])) {
                ids.add(i);
            }
        }
        return ids;
    }

    private static boolean isSpecial(long tokenType) {
        return tokenType == TOKEN_TYPE_CONTROL || tokenType == TOKEN_TYPE_USER_DEFINED;
    }

    private static Integer bos(GgufKeys keys, LlamaConfig config) {
        var key = "tokenizer.ggml.bos_token_id";
        return keys.has(key) ? (Integer) keys.integer(key, 0, config.vocab() - 1) : null;
    }
}
