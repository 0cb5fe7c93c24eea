package io.chasqui.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.chasqui.loader.GgufBuilder;
import io.chasqui.loader.LinearSource;
import io.chasqui.loader.ModelFormatException;
import io.chasqui.quant.DType;
import io.chasqui.quant.Dequantizer;
import io.chasqui.testing.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointTest {
    private static final Consumer<ObjectNode> AS_IT_IS = config -> {};

    @TempDir Path folder;

    @ParameterizedTest
    @CsvSource({
        "tiny-llama31-f32,            4,128,8,2,16, 352,512, false",
        "tiny-llama31-bf16,           3,256,4,1,64, 704,1024,false",
        "tiny-llama32-tied-bf16-sharded,3,256,2,1,128,512,1024,true"
    })
    void readsFoldersOfTransformers(
            String name,
            int layers,
            int hidden,
            int heads,
            int kvHeads,
            int headDim,
            int ffn,
            int vocab,
            boolean tied) {
        try (var checkpoint = Checkpoint.open(SharedData.path("golden/" + name))) {
            var config = checkpoint.config();
            assertEquals(layers, config.layers());
            assertEquals(hidden, config.hidden());
            assertEquals(heads, config.heads());
            assertEquals(kvHeads, config.kvHeads());
            assertEquals(headDim, config.headDim());
            assertEquals(ffn, config.ffn());
            assertEquals(vocab, config.vocab());
            assertEquals(1024, config.contextLength());
            assertEquals(1e-5f, config.normEps());
            assertEquals(tied, config.tiedHead());
            assertEquals(List.of(1), List.copyOf(checkpoint.eosTokenIds()));
            assertEquals(0, checkpoint.bosTokenId());
            var unscaled = RopeFrequencies.unscaled(headDim, 500_000);
            var last = headDim / 2 - 1;
            assertEquals(1f, config.inverseFrequencies()[0]);
            assertEquals(unscaled[last] / 8, config.inverseFrequencies()[last]);
            assertEquals(hidden, checkpoint.vector(LlamaTensor.NORM).length);
            assertNull(checkpoint.linear(LlamaTensor.QUERY, 0).rowOrder());
        }
    }

    @Test
    void readsTheDefaultModel() {
        try (var checkpoint = Checkpoint.open(SharedData.defaultModel())) {
            var config = checkpoint.config();
            assertEquals(30, config.layers());
            assertEquals(576, config.hidden());
            assertEquals(9, config.heads());
            assertEquals(3, config.kvHeads());
            assertEquals(64, config.headDim());
            assertEquals(1536, config.ffn());
            assertEquals(49_152, config.vocab());
            assertEquals(8192, config.contextLength());
            assertEquals(1e-5f, config.normEps());
            assertTrue(config.tiedHead());
            assertArrayEquals(RopeFrequencies.unscaled(64, 100_000), config.inverseFrequencies());
            assertTrue(checkpoint.eosTokenIds().contains(2));
            assertEquals(1, checkpoint.bosTokenId());
            assertEquals("smollm", checkpoint.metadata().get("tokenizer.ggml.pre"));
            assertEquals(DType.Q8_0, checkpoint.linear(LlamaTensor.EMBEDDING).dtype());
            assertEquals(DType.Q4_1, checkpoint.linear(LlamaTensor.DOWN, 29).dtype());
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void givesTheSameModelFromBothFormats(boolean tied) {
        var gguf = folder.resolve("tiny.gguf");
        TinyModels.write(gguf, tinyGguf(tied));
        TinyModels.huggingFace(folder, tied, AS_IT_IS);
        try (var a = Checkpoint.open(gguf);
                var b = Checkpoint.open(folder)) {
            assertEquals(tied, a.config().tiedHead());
            assertEquals(tied, b.config().tiedHead());
            TinyModels.forEach(
                    tied,
                    (tensor, layer) -> {
                        var expected = TinyModels.values(tensor, layer);
                        assertArrayEquals(expected, read(a, tensor, layer), tensor.name());
                        assertArrayEquals(expected, read(b, tensor, layer), tensor.name());
                    });
        }
    }

    @Test
    void hasNoHeadOfItsOwnWhenTied() {
        TinyModels.huggingFace(folder, true, AS_IT_IS);
        try (var checkpoint = Checkpoint.open(folder)) {
            assertThrows(IllegalArgumentException.class, () -> checkpoint.linear(LlamaTensor.HEAD));
        }
    }

    @Test
    void listsEveryTensorThatDoesNotFit() {
        TinyModels.huggingFace(
                folder,
                false,
                config -> config.put("num_hidden_layers", 1).put("intermediate_size", 16),
                name -> !name.equals("model.norm.weight"));
        var message = refusal(folder);
        assertTrue(message.contains("13 tensors"), message);
        assertTrue(message.contains("'model.norm.weight' [8] is missing"), message);
        assertTrue(
                message.contains(
                        "'model.layers.0.mlp.down_proj.weight' has shape [8, 12] instead of [8,"
                                + " 16]"),
                message);
        assertTrue(
                message.contains(
                        "'model.layers.1.self_attn.v_proj.weight' is not part of the model"),
                message);
    }

    @Test
    void believesTheShapeOfTheKeysOverTheConfiguration() {
        TinyModels.huggingFace(folder, false, config -> config.put("num_key_value_heads", 2));
        try (var checkpoint = Checkpoint.open(folder)) {
            assertEquals(1, checkpoint.config().kvHeads());
        }
    }

    @Test
    void readsEndTokensFromBothConfigurations() throws IOException {
        TinyModels.huggingFace(folder, false, AS_IT_IS);
        Files.writeString(
                folder.resolve("generation_config.json"),
                "{\"eos_token_id\":[5,3],\"temperature\":0.6,\"top_p\":0.9}");
        try (var checkpoint = Checkpoint.open(folder)) {
            assertEquals(List.of(1, 3, 5), List.copyOf(checkpoint.eosTokenIds()));
            assertEquals(
                    new GenerationDefaults(0.6, 0.9, null, null, null, null),
                    checkpoint.generationDefaults());
            assertNull(checkpoint.bosTokenId());
        }
    }

    @Test
    void readsEndTokensOfAGgufByTextToo() {
        var builder =
                TinyModels.ggufKeys()
                        .texts(
                                "tokenizer.ggml.tokens",
                                "a",
                                "<|eot_id|>",
                                "<|eom_id|>",
                                "<|im_end|>",
                                "b",
                                "c")
                        .i32s("tokenizer.ggml.token_type", 1, 3, 3, 1, 1, 1)
                        .u32("tokenizer.ggml.eos_token_id", 4);
        var file =
                TinyModels.write(folder.resolve("m.gguf"), TinyModels.withTensors(builder, true));
        try (var checkpoint = Checkpoint.open(file)) {
            assertEquals(List.of(1, 2, 4), List.copyOf(checkpoint.eosTokenIds()));
        }
    }

    @Test
    void dividesFrequenciesByTheDivisorsOfAGguf() {
        var builder =
                TinyModels.withTensors(tinyKeys(), false)
                        .f32Tensor("rope_freqs.weight", new float[] {1, 8}, 2);
        try (var checkpoint =
                Checkpoint.open(TinyModels.write(folder.resolve("m.gguf"), builder))) {
            assertArrayEquals(
                    new float[] {1, 0.01f / 8}, checkpoint.config().inverseFrequencies(), 1e-9f);
        }
    }

    @Test
    void ignoresWhatOldExportersLeftBehind() {
        TinyModels.huggingFace(folder, true, config -> config.put("tie_word_embeddings", false));
        assertTrue(refusal(folder).contains("'lm_head.weight' [6, 8] is missing"));
        TinyModels.huggingFace(folder, false, config -> config.put("tie_word_embeddings", true));
        try (var checkpoint = Checkpoint.open(folder)) {
            assertTrue(checkpoint.config().tiedHead());
        }
    }

    @TestFactory
    Stream<DynamicTest> refusesConfigurations() {
        Map<String, Consumer<ObjectNode>> changes =
                Map.ofEntries(
                        Map.entry("model_type", c -> c.put("model_type", "mistral")),
                        Map.entry("architectures", c -> c.putArray("architectures").add("Evil")),
                        Map.entry("quantization_config", c -> quantized(c)),
                        Map.entry("attention_bias", c -> c.put("attention_bias", true)),
                        Map.entry("mlp_bias", c -> c.put("mlp_bias", true)),
                        Map.entry("hidden_act", c -> c.put("hidden_act", "gelu")),
                        Map.entry("hidden_size", c -> c.remove("hidden_size")),
                        Map.entry("num_attention_heads", c -> c.put("num_attention_heads", 0)),
                        Map.entry("num_hidden_layers", c -> c.put("num_hidden_layers", 1 << 30)),
                        Map.entry("vocab_size", c -> c.put("vocab_size", -1)),
                        Map.entry("intermediate_size", c -> c.put("intermediate_size", "12")),
                        Map.entry("max_position", c -> c.put("max_position_embeddings", 1.5)),
                        Map.entry("rms_norm_eps", c -> c.put("rms_norm_eps", "NaN")),
                        Map.entry("epsilon", c -> c.put("rms_norm_eps", 0)),
                        Map.entry("head_dim", c -> c.put("head_dim", 1L << 40)),
                        Map.entry("odd width", c -> c.put("head_dim", 3)),
                        Map.entry("does not divide", c -> c.put("num_attention_heads", 3)),
                        Map.entry("eos_token_id", c -> c.put("eos_token_id", 6)),
                        Map.entry("tie_word_embeddings", c -> c.put("tie_word_embeddings", 1)),
                        Map.entry("rope_theta", c -> c.put("rope_theta", 0.5)),
                        Map.entry("'yarn'", c -> c.putObject("rope_scaling").put("type", "yarn")),
                        Map.entry("rope_parameters.rope_type", c -> longrope(c)),
                        Map.entry("rope_scaling.factor", c -> scaling(c, 0.5, 1, 4)),
                        Map.entry("low_freq_factor", c -> scaling(c, 8, 4, 4)),
                        Map.entry("rope_scaling is", c -> c.put("rope_scaling", "llama3")));
        return changes.entrySet().stream()
                .map(
                        change ->
                                DynamicTest.dynamicTest(
                                        change.getKey(),
                                        () -> refuses(change.getKey(), change.getValue())));
    }

    private void refuses(String reason, Consumer<ObjectNode> change) {
        TinyModels.huggingFace(folder, false, change);
        var message = refusal(folder);
        assertTrue(message.startsWith("config.json: "), message);
        assertTrue(message.contains(reason), message);
    }

    private static void quantized(ObjectNode config) {
        config.putObject("quantization_config").put("quant_method", "awq");
    }

    private static void longrope(ObjectNode config) {
        config.putObject("rope_parameters").put("rope_type", "longrope");
    }

    private static void scaling(ObjectNode config, double factor, double low, double high) {
        config.putObject("rope_scaling")
                .put("rope_type", "llama3")
                .put("factor", factor)
                .put("low_freq_factor", low)
                .put("high_freq_factor", high)
                .put("original_max_position_embeddings", 8192);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "{", "{\"a\":1,\"a\":2}", "{} x", "{\"a\":NaN}", "nul"})
    void refusesAConfigurationThatIsNotAJsonObject(String json) throws IOException {
        TinyModels.huggingFace(folder, false, AS_IT_IS);
        Files.writeString(folder.resolve("config.json"), json);
        assertTrue(refusal(folder).startsWith("config.json: "));
    }

    @TestFactory
    Stream<DynamicTest> refusesGgufMetadata() {
        return Map.<String, Consumer<GgufBuilder>>ofEntries(
                        Map.entry(
                                "llama.rope.scaling.type",
                                b -> b.text(llama("rope.scaling.type"), "yarn")),
                        Map.entry("llama.expert_count", b -> b.u32("llama.expert_count", 8)),
                        Map.entry("llama.vocab_size", b -> b.u32("llama.vocab_size", 7)),
                        Map.entry(
                                "rope.dimension_count",
                                b -> b.u32(llama("rope.dimension_count"), 2)),
                        Map.entry("value_length", b -> b.u32(llama("attention.value_length"), 2)),
                        Map.entry("key_length", b -> b.u32(llama("attention.key_length"), 0)),
                        Map.entry("freq_base", b -> b.f32(llama("rope.freq_base"), Float.NaN)),
                        Map.entry("freq_base' is not a", b -> b.u32(llama("rope.freq_base"), 5)),
                        Map.entry("general.type", b -> b.text("general.type", "adapter")),
                        Map.entry("eos_token_id", b -> b.u32("tokenizer.ggml.eos_token_id", 6)),
                        Map.entry(
                                "the divisor 0",
                                b -> b.f32Tensor("rope_freqs.weight", new float[2], 2)),
                        Map.entry(
                                "F32 [2]", b -> b.f32Tensor("rope_freqs.weight", new float[3], 3)),
                        Map.entry("'evil' is not part", b -> b.f32Tensor("evil", new float[3], 3)))
                .entrySet()
                .stream()
                .map(
                        lie ->
                                DynamicTest.dynamicTest(
                                        lie.getKey(),
                                        () -> {
                                            var builder = tinyKeys();
                                            lie.getValue().accept(builder);
                                            TinyModels.withTensors(builder, false);
                                            var file =
                                                    TinyModels.write(
                                                            folder.resolve("lie.gguf"), builder);
                                            var message = refusal(file);
                                            assertTrue(message.startsWith("lie.gguf"), message);
                                            assertTrue(message.contains(lie.getKey()), message);
                                        }));
    }

    @Test
    void refusesMetadataOfAnotherArchitecture() {
        var builder = new GgufBuilder().text("general.architecture", "gemma3");
        var message = refusal(TinyModels.write(folder.resolve("g.gguf"), builder));
        assertTrue(message.contains("'gemma3'"), message);
    }

    @Test
    void refusesAVocabularyWithoutWeights() {
        var message = refusal(SharedData.path("data/tokenizer/ggml-vocab-llama-spm.gguf"));
        assertTrue(message.contains("no tensors"), message);
    }

    @Test
    void saysWhatToGiveInstead() throws IOException {
        assertTrue(refusal(folder).contains("no config.json"));
        TinyModels.huggingFace(folder, false, AS_IT_IS);
        assertTrue(refusal(folder.resolve("model.safetensors")).contains("give the folder"));
        assertTrue(refusal(folder.resolve("absent")).contains("no such file"));
        Files.writeString(folder.resolve("adapter_config.json"), "{}");
        assertTrue(refusal(folder).contains("LoRA"));
    }

    @Test
    void refusesNormsThatAreNotFinite() throws IOException {
        var builder = tinyKeys();
        var file = folder.resolve("m.gguf");
        var bytes = TinyModels.withTensors(builder, true).build();
        var norm = TinyModels.values(LlamaTensor.NORM, LlamaTensor.NO_LAYER);
        poison(bytes, norm[0]);
        Files.write(file, bytes);
        try (var checkpoint = Checkpoint.open(file)) {
            var error =
                    assertThrows(
                            ModelFormatException.class, () -> checkpoint.vector(LlamaTensor.NORM));
            assertTrue(error.getMessage().contains("output_norm.weight"), error.getMessage());
        }
    }

    /** Replaces the only occurrence of a value by NaN. */
    private static void poison(byte[] bytes, float value) {
        int bits = Float.floatToRawIntBits(value);
        for (int i = 0; i + 4 <= bytes.length; i++) {
            int found =
                    bytes[i] & 255
                            | (bytes[i + 1] & 255) << 8
                            | (bytes[i + 2] & 255) << 16
                            | bytes[i + 3] << 24;
            if (found == bits) {
                bytes[i + 2] |= (byte) 0xC0;
                bytes[i + 3] = 0x7F;
                return;
            }
        }
        throw new IllegalArgumentException(value + " is not there");
    }

    private static String llama(String key) {
        return "llama." + key;
    }

    private static GgufBuilder tinyKeys() {
        return TinyModels.ggufKeys().texts("tokenizer.ggml.tokens", "a", "b", "c", "d", "e", "f");
    }

    private static GgufBuilder tinyGguf(boolean tied) {
        return TinyModels.withTensors(tinyKeys(), tied);
    }

    private static float[] read(Checkpoint checkpoint, LlamaTensor tensor, int layer) {
        return tensor.isVector()
                ? checkpoint.vector(tensor, layer)
                : read(checkpoint.linear(tensor, layer));
    }

    private static float[] read(LinearSource source) {
        var values = new float[source.rows() * source.columns()];
        for (int row = 0; row < source.rows(); row++) {
            Dequantizer.dequantize(
                    source.dtype(),
                    source.weightData(),
                    source.dtype().bytes((long) source.storedRow(row) * source.columns()),
                    values,
                    row * source.columns(),
                    source.columns());
        }
        return values;
    }

    private static String refusal(Path path) {
        return assertThrows(ModelFormatException.class, () -> Checkpoint.open(path).close())
                .getMessage();
    }
}
