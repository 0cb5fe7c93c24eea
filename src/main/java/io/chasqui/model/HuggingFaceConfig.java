package io.chasqui.model;

import io.chasqui.loader.ModelFormatException;
import io.chasqui.loader.TensorView;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SequencedSet;
import java.util.TreeSet;

/**
 * What {@code config.json} and {@code generation_config.json} of a Hugging Face folder say, in the
 * spelling of transformers 4 ({@code rope_scaling}, {@code rope_theta}) or 5 ({@code
 * rope_parameters}).
 */
record HuggingFaceConfig(
        LlamaConfig config,
        SequencedSet<Integer> eosTokenIds,
        Integer bosTokenId,
        GenerationDefaults generationDefaults) {
    private static final String CONFIG = "config.json";
    private static final String GENERATION_CONFIG = "generation_config.json";
    private static final double DEFAULT_THETA = 10_000;
    private static final System.Logger LOG = System.getLogger(HuggingFaceConfig.class.getName());

    /**
     * @param keyProjection the first layer's key projection, whose rows tell the true number of KV
     *     heads; null if the checkpoint has none
     * @throws ModelFormatException if a value is absent, impossible or of a model that is not
     *     supported
     */
    static HuggingFaceConfig read(Path folder, TensorView keyProjection) {
        var json = ConfigJson.read(folder.resolve(CONFIG));
        refuseUnsupported(json);
        var config = config(json, keyProjection);
        var eos = new TreeSet<>(json.tokenIds("eos_token_id", config.vocab()));
        var bos = json.tokenIds("bos_token_id", config.vocab());
        var defaults = GenerationDefaults.NONE;
        if (Files.exists(folder.resolve(GENERATION_CONFIG))) {
            var generation = ConfigJson.read(folder.resolve(GENERATION_CONFIG));
            eos.addAll(generation.tokenIds("eos_token_id", config.vocab()));
            defaults = defaults(generation);
        }
        return new HuggingFaceConfig(config, eos, bos.isEmpty() ? null : bos.getFirst(), defaults);
    }

    private static void refuseUnsupported(ConfigJson json) {
        var type = json.text("model_type");
        if (type != null && !type.equals("llama")) {
            throw json.error("model_type", "is '" + type + "'; only llama is supported");
        }
        var architectures = json.texts("architectures");
        if (!architectures.isEmpty() && !architectures.contains("LlamaForCausalLM")) {
            throw json.error(
                    "architectures",
                    "is " + architectures + "; only LlamaForCausalLM is supported");
        }
        if (type == null && architectures.isEmpty()) {
            throw json.error("model_type", "is missing");
        }
        var quantization = json.object("quantization_config");
        if (quantization != null) {
            throw json.error(
                    "quantization_config",
                    "asks for quant_method '"
                            + quantization.text("quant_method")
                            + "', which is not supported; use a GGUF or unquantised version");
        }
        for (var bias : new String[] {"attention_bias", "mlp_bias"}) {
            if (json.flag(bias)) {
                throw json.error(bias, "is true; biases are not supported");
            }
        }
        var activation = json.text("hidden_act");
        if (activation != null && !activation.equals("silu")) {
            throw json.error("hidden_act", "is '" + activation + "'; only silu is supported");
        }
        if (json.has("partial_rotary_factor") && json.number("partial_rotary_factor") != 1) {
            throw json.error("partial_rotary_factor", "is not 1");
        }
    }

    private static LlamaConfig config(ConfigJson json, TensorView keyProjection) {
        int hidden = json.integer("hidden_size", 1, ConfigLimits.WIDTH);
        int heads = json.integer("num_attention_heads", 1, ConfigLimits.HEADS);
        int headDim = headDim(json, hidden, heads);
        int kvHeads = json.integer("num_key_value_heads", 1, ConfigLimits.HEADS, heads);
        try {
            return new LlamaConfig(
                    json.integer("num_hidden_layers", 1, ConfigLimits.LAYERS),
                    hidden,
                    heads,
                    believeShape(keyProjection, kvHeads, heads, headDim),
                    headDim,
                    json.integer("intermediate_size", 1, ConfigLimits.WIDTH),
                    json.integer("vocab_size", 1, ConfigLimits.VOCAB),
                    json.integer("max_position_embeddings", 1, ConfigLimits.CONTEXT),
                    (float) json.number("rms_norm_eps"),
                    frequencies(json, headDim),
                    json.flag("tie_word_embeddings"));
        } catch (IllegalArgumentException e) {
            throw new ModelFormatException(CONFIG + ": " + e.getMessage(), e);
        }
    }

    private static int headDim(ConfigJson json, int hidden, int heads) {
        if (json.has("head_dim")) {
            return json.integer("head_dim", 2, ConfigLimits.HEAD_DIM);
        }
        if (hidden % heads != 0) {
            throw json.error("hidden_size", hidden + " does not divide among " + heads + " heads");
        }
        return hidden / heads;
    }

    /**
     * Early uploads of Llama 3.1 405B hold each KV head twice, and configurations of either count
     * went around: the tensor is right.
     */
    private static int believeShape(TensorView key, int kvHeads, int heads, int headDim) {
        if (key == null || key.shape().size() != 2) {
            return kvHeads;
        }
        long rows = key.shape().getFirst();
        long stored = rows / headDim;
        if (stored == kvHeads || rows % headDim != 0 || stored == 0 || heads % stored != 0) {
            return kvHeads;
        }
        LOG.log(
                System.Logger.Level.WARNING,
                "config.json says {0} KV heads, the tensors hold {1}: using {1}",
                kvHeads,
                stored);
        return (int) stored;
    }

    private static float[] frequencies(ConfigJson json, int headDim) {
        var parameters = json.object("rope_parameters");
        var scaling = parameters != null ? parameters : json.object("rope_scaling");
        var theta = parameters != null ? parameters.numberOrNull("rope_theta") : null;
        if (theta == null) {
            theta = json.has("rope_theta") ? json.number("rope_theta") : DEFAULT_THETA;
        }
        if (theta < 1) {
            throw json.error("rope_theta", "is " + theta + ", less than 1");
        }
        var unscaled = RopeFrequencies.unscaled(headDim, theta);
        return scaling == null ? unscaled : scaled(unscaled, scaling);
    }

    private static float[] scaled(float[] unscaled, ConfigJson scaling) {
        var type =
                scaling.text("rope_type") != null
                        ? scaling.text("rope_type")
                        : scaling.text("type");
        if (type == null || type.equals("default")) {
            return unscaled;
        }
        if (!type.equals("llama3")) {
            throw scaling.error("rope_type", "is '" + type + "'; llama3 and default are supported");
        }
        double factor = scaling.number("factor");
        double low = scaling.number("low_freq_factor");
        double high = scaling.number("high_freq_factor");
        int original = scaling.integer("original_max_position_embeddings", 1, ConfigLimits.CONTEXT);
        if (factor < 1) {
            throw scaling.error("factor", "is " + factor + ", less than 1");
        }
        if (low <= 0 || high <= low) {
            throw scaling.error("low_freq_factor", "must be above 0 and below high_freq_factor");
        }
        return RopeFrequencies.llama3(
                unscaled, new RopeFrequencies.Llama3Scaling(factor, low, high, original));
    }

    private static GenerationDefaults defaults(ConfigJson json) {
        return new GenerationDefaults(
                json.numberOrNull("temperature"),
                json.numberOrNull("top_p"),
                naturalOrNull(json, "top_k"),
                json.numberOrNull("min_p"),
                json.numberOrNull("repetition_penalty"),
                naturalOrNull(json, "max_new_tokens"));
    }

    private static Integer naturalOrNull(ConfigJson json, String key) {
        return json.has(key) ? (Integer) json.integer(key, 0, Integer.MAX_VALUE) : null;
    }
}
