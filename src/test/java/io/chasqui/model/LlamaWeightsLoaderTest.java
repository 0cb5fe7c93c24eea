package io.chasqui.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.chasqui.backend.Backend;
import io.chasqui.backend.LinearWeights;
import io.chasqui.backend.VectorWeights;
import io.chasqui.loader.GgufBuilder;
import io.chasqui.loader.LinearSource;
import io.chasqui.loader.ModelFormatException;
import io.chasqui.quant.DType;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Proxy;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LlamaWeightsLoaderTest {
    @TempDir Path folder;

    private final List<String> packed = new ArrayList<>();

    @Test
    void stacksWhatReadsTheSameInput() {
        var weights = load(TinyModels.huggingFace(folder, false, config -> {}));
        assertEquals(
                List.of(
                        "model.embed_tokens.weight",
                        "model.layers.0.self_attn.q_proj.weight"
                                + "+model.layers.0.self_attn.k_proj.weight"
                                + "+model.layers.0.self_attn.v_proj.weight",
                        "model.layers.0.self_attn.o_proj.weight",
                        "model.layers.0.mlp.gate_proj.weight+model.layers.0.mlp.up_proj.weight",
                        "model.layers.0.mlp.down_proj.weight"),
                packed.subList(0, 5));
        assertEquals("lm_head.weight", packed.getLast());
        assertEquals(2 + 4 * TinyModels.LAYERS, packed.size());
        assertEquals(TinyModels.LAYERS, weights.layers().size());
        assertEquals(8 + 4 + 4, weights.layers().getFirst().qkv().rows());
        assertNotSame(weights.embedding(), weights.head());
    }

    @Test
    void packsATiedHeadOnce() {
        var weights = load(TinyModels.huggingFace(folder, true, config -> {}));
        assertSame(weights.embedding(), weights.head());
        assertEquals(1 + 4 * TinyModels.LAYERS, packed.size());
    }

    @Test
    void reportsProgressUpToTheTotal() {
        var steps = new ArrayList<Long>();
        try (var checkpoint = Checkpoint.open(TinyModels.huggingFace(folder, false, c -> {}))) {
            LlamaWeightsLoader.load(
                    checkpoint,
                    backend(),
                    (done, total) -> {
                        assertEquals(checkpoint.weightBytes(), total);
                        steps.add(done);
                    });
            assertEquals(0, steps.getFirst());
            assertEquals(checkpoint.weightBytes(), steps.getLast());
            assertEquals(steps.stream().sorted().distinct().toList(), steps);
        }
    }

    @Test
    void loadsAGeneratedModelPieceByPiece() {
        try (var checkpoint = Checkpoint.dummy(Geometry.SMOLLM2_135M, DType.Q4_0, 1)) {
            var weights = LlamaWeightsLoader.load(checkpoint, backend(), ProgressListener.NONE);
            assertEquals(30, weights.layers().size());
            var before = checkpoint.linear(LlamaTensor.UP, 3).weightData();
            var copy = before.toArray(ValueLayout.JAVA_BYTE);
            checkpoint.release();
            assertThrows(IllegalStateException.class, () -> before.get(ValueLayout.JAVA_BYTE, 0));
            var again = checkpoint.linear(LlamaTensor.UP, 3).weightData();
            assertEquals(-1, Arrays.mismatch(copy, again.toArray(ValueLayout.JAVA_BYTE)));
        }
    }

    /** Would take 800 GB otherwise. */
    @Test
    void aMatrixThatADeviceMakesFromItsSeedIsNotMadeHere() {
        var seeds = new HashSet<Long>();
        var device =
                backend(
                        sources -> {
                            sources.forEach(source -> seeds.add(source.seed().orElseThrow()));
                            return new Matrix(1, 1, 1);
                        });
        try (var checkpoint = Checkpoint.dummy(Geometry.LLAMA_3_1_405B, DType.BF16, 1)) {
            LlamaWeightsLoader.load(checkpoint, device, ProgressListener.NONE);
        }
        assertEquals(2 + 7 * 126, seeds.size());
    }

    @Test
    void reportsAFileThatShrinksMeanwhile() throws IOException {
        TinyModels.huggingFace(folder, false, config -> {});
        try (var checkpoint = Checkpoint.open(folder)) {
            try (var file =
                    FileChannel.open(
                            folder.resolve("model.safetensors"), StandardOpenOption.WRITE)) {
                file.truncate(0);
            }
            var error =
                    assertThrows(
                            ModelFormatException.class,
                            () ->
                                    LlamaWeightsLoader.load(
                                            checkpoint, backend(), ProgressListener.NONE));
            assertTrue(error.getMessage().contains("became shorter"), error.getMessage());
        }
    }

    @Test
    void refusesScalesThatAreNotFinite() {
        var bad = new byte[2 * TinyModels.VOCAB * 34];
        bad[7 * 34 + 1] = 0x7C;
        var file = folder.resolve("m.gguf");
        TinyModels.write(file, wide(bad));
        try (var checkpoint = Checkpoint.open(file)) {
            var error =
                    assertThrows(
                            ModelFormatException.class,
                            () ->
                                    LlamaWeightsLoader.load(
                                            checkpoint, backend(), ProgressListener.NONE));
            assertEquals(
                    "m.gguf: tensor 'token_embd.weight': the scale of block 7 is not a finite"
                            + " number",
                    error.getMessage());
        }
    }

    /** One layer of width 64, so that Q8_0 blocks fit. */
    private static GgufBuilder wide(byte[] embedding) {
        var builder =
                new GgufBuilder()
                        .text("general.architecture", "llama")
                        .u32("llama.block_count", 1)
                        .u32("llama.context_length", 64)
                        .u32("llama.embedding_length", 64)
                        .u32("llama.feed_forward_length", 64)
                        .u32("llama.attention.head_count", 1)
                        .u32("llama.vocab_size", TinyModels.VOCAB)
                        .f32("llama.attention.layer_norm_rms_epsilon", 1e-5f)
                        .tensor("token_embd.weight", 8, embedding, 64, TinyModels.VOCAB)
                        .f32Tensor("output_norm.weight", new float[64], 64);
        for (var tensor : LlamaTensor.values()) {
            if (tensor.perLayer()) {
                long[] dims = tensor.isVector() ? new long[] {64} : new long[] {64, 64};
                builder.f32Tensor(
                        tensor.ggufName(0), new float[tensor.isVector() ? 64 : 64 * 64], dims);
            }
        }
        return builder;
    }

    private LlamaWeights load(Path path) {
        try (var checkpoint = Checkpoint.open(path)) {
            return LlamaWeightsLoader.load(checkpoint, backend(), ProgressListener.NONE);
        }
    }

    /** A backend that notes what it is given to pack, and reads it. */
    private Backend backend() {
        return backend(this::packLinear);
    }

    private static Backend backend(Function<List<LinearSource>, LinearWeights> packLinear) {
        return (Backend)
                Proxy.newProxyInstance(
                        Backend.class.getClassLoader(),
                        new Class<?>[] {Backend.class},
                        (proxy, method, arguments) ->
                                switch (method.getName()) {
                                    case "packLinear" -> packLinear.apply(sources(arguments[2]));
                                    case "packVector" ->
                                            new Vector(((float[]) arguments[0]).length);
                                    default ->
                                            throw new UnsupportedOperationException(
                                                    method.getName());
                                });
    }

    private static List<LinearSource> sources(Object stacked) {
        return ((List<?>) stacked).stream().map(LinearSource.class::cast).toList();
    }

    private LinearWeights packLinear(List<LinearSource> sources) {
        packed.add(String.join("+", sources.stream().map(LinearSource::name).toList()));
        int rows = 0;
        long bytes = 0;
        for (var source : sources) {
            rows += source.rows();
            bytes += source.weightData().byteSize();
            source.weightData().get(ValueLayout.JAVA_BYTE, 0);
        }
        return new Matrix(rows, sources.getFirst().columns(), bytes);
    }

    private record Matrix(int rows, int columns, long bytes) implements LinearWeights {}

    private record Vector(int length) implements VectorWeights {}
}
