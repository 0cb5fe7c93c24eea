package io.chasqui.model;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.chasqui.loader.GgufBuilder;
import io.chasqui.loader.LittleEndian;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.Predicate;

/**
 * The smallest Llama there can be, in both formats: 2 layers, width 8, 2 heads of 4 over 1, 6
 * tokens. Both hold the same values; the GGUF has its query and key rows permuted.
 */
public final class TinyModels {
    static final int LAYERS = 2;
    static final int HIDDEN = 8;
    static final int VOCAB = 6;

    private static final ObjectMapper JSON = new ObjectMapper();

    private TinyModels() {}

    static LlamaConfig config(boolean tied) {
        return new LlamaConfig(
                LAYERS,
                HIDDEN,
                2,
                1,
                4,
                12,
                VOCAB,
                64,
                1e-5f,
                RopeFrequencies.unscaled(4, 10_000),
                tied);
    }

    /** Values of a tensor, different for each. */
    static float[] values(LlamaTensor tensor, int layer) {
        long size = tensor.shape(config(false)).stream().reduce(1L, (a, b) -> a * b);
        var random = new Random(31L * tensor.ordinal() + layer);
        var values = new float[(int) size];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** A Hugging Face folder. */
    public static Path huggingFace(Path folder, boolean tied, Consumer<ObjectNode> change) {
        return huggingFace(folder, tied, change, name -> true);
    }

    /**
     * @param keep tensors that are written
     */
    static Path huggingFace(
            Path folder, boolean tied, Consumer<ObjectNode> change, Predicate<String> keep) {
        var config = JSON.createObjectNode();
        config.put("model_type", "llama").putArray("architectures").add("LlamaForCausalLM");
        config.put("hidden_size", HIDDEN).put("num_hidden_layers", LAYERS);
        config.put("num_attention_heads", 2).put("num_key_value_heads", 1);
        config.put("intermediate_size", 12).put("vocab_size", VOCAB);
        config.put("max_position_embeddings", 64).put("rms_norm_eps", 1e-5);
        config.put("tie_word_embeddings", tied).put("hidden_act", "silu");
        config.put("rope_theta", 10_000.0).put("eos_token_id", 1);
        change.accept(config);
        var header = JSON.createObjectNode();
        var data = new LittleEndian();
        forEach(
                tied,
                (tensor, layer) -> {
                    var name = tensor.huggingFaceName(layer);
                    if (!keep.test(name)) {
                        return;
                    }
                    var entry = header.putObject(name);
                    entry.put("dtype", "F32");
                    tensor.shape(config(tied)).forEach(entry.withArray("shape")::add);
                    int begin = data.size();
                    for (float value : values(tensor, layer)) {
                        data.f32(value);
                    }
                    entry.putArray("data_offsets").add(begin).add(data.size());
                });
        try {
            Files.write(folder.resolve("config.json"), JSON.writeValueAsBytes(config));
            var json = JSON.writeValueAsBytes(header);
            Files.write(
                    folder.resolve("model.safetensors"),
                    new LittleEndian()
                            .u64(json.length)
                            .bytes(json)
                            .bytes(data.toBytes())
                            .toBytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return folder;
    }

    /** Keys that a GGUF file needs. */
    static GgufBuilder ggufKeys() {
        return new GgufBuilder()
                .text("general.architecture", "llama")
                .u32("llama.block_count", LAYERS)
                .u32("llama.context_length", 64)
                .u32("llama.embedding_length", HIDDEN)
                .u32("llama.feed_forward_length", 12)
                .u32("llama.attention.head_count", 2)
                .u32("llama.attention.head_count_kv", 1)
                .f32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
    }

    static GgufBuilder withTensors(GgufBuilder builder, boolean tied) {
        forEach(
                tied,
                (tensor, layer) -> {
                    var shape = tensor.shape(config(tied));
                    var dims = new long[shape.size()];
                    for (int i = 0; i < dims.length; i++) {
                        dims[i] = shape.get(dims.length - 1 - i);
                    }
                    builder.f32Tensor(
                            tensor.ggufName(layer), stored(tensor, values(tensor, layer)), dims);
                });
        return builder;
    }

    static Path write(Path file, GgufBuilder builder) {
        try {
            return Files.write(file, builder.build());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Query and key rows of heads of 4 in the order 0, 2, 1, 3: pairs side by side. */
    private static float[] stored(LlamaTensor tensor, float[] values) {
        if (tensor != LlamaTensor.QUERY && tensor != LlamaTensor.KEY) {
            return values;
        }
        var stored = new float[values.length];
        int[] order = {0, 2, 1, 3};
        for (int row = 0; row < values.length / HIDDEN; row++) {
            int from = row / 4 * 4 + order[row % 4];
            System.arraycopy(values, from * HIDDEN, stored, row * HIDDEN, HIDDEN);
        }
        return stored;
    }

    static void forEach(boolean tied, Visitor visitor) {
        var tensors = new ArrayList<>(List.of(LlamaTensor.values()));
        if (tied) {
            tensors.remove(LlamaTensor.HEAD);
        }
        for (var tensor : tensors) {
            if (tensor.perLayer()) {
                for (int layer = 0; layer < LAYERS; layer++) {
                    visitor.visit(tensor, layer);
                }
            } else {
                visitor.visit(tensor, LlamaTensor.NO_LAYER);
            }
        }
    }

    /** Sees each tensor of the model. */
    interface Visitor {
        void visit(LlamaTensor tensor, int layer);
    }
}
