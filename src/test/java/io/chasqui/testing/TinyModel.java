package io.chasqui.testing;

import io.chasqui.backend.Backend;
import io.chasqui.backend.KvCacheStorage;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.cpu.CpuBackend;
import io.chasqui.model.Checkpoint;
import io.chasqui.model.LlamaConfig;
import io.chasqui.model.LlamaModel;
import io.chasqui.model.LlamaTensor;
import io.chasqui.model.LlamaWeights;
import io.chasqui.model.LlamaWeightsLoader;
import io.chasqui.model.ProgressListener;
import io.chasqui.quant.DType;
import java.nio.file.Path;

/**
 * A small real model on the CPU, with its parts at hand for tests that look inside.
 *
 * @param kvCache in F32 unless said otherwise
 */
public record TinyModel(
        LlamaConfig config,
        LlamaWeights weights,
        Backend backend,
        KvCacheStorage kvCache,
        LlamaModel model)
        implements AutoCloseable {

    /** Tokens of the largest batch. */
    public static final int MAX_TOKENS = 512;

    /** Logits rows of the largest batch. */
    public static final int MAX_ROWS = 512;

    public static final int BLOCK_SIZE = 16;

    /**
     * A model of the shared golden folder, e.g. {@code tiny-llama31-f32}, on as many threads as the
     * machine has.
     */
    public static TinyModel golden(String name, int numBlocks) {
        return golden(name, CpuBackend.create(0, 0, false), KvDType.F32, numBlocks, BLOCK_SIZE);
    }

    /**
     * The same on a given backend. The references of the BF16 models were computed in float32, but
     * by a model that had been cast to BF16 as a whole, its RoPE frequencies with it; so here these
     * are rounded likewise.
     */
    public static TinyModel golden(
            String name, Backend backend, KvDType dtype, int numBlocks, int blockSize) {
        var path = SharedData.path("golden/" + name);
        try (var checkpoint = Checkpoint.open(path)) {
            if (checkpoint.linear(LlamaTensor.EMBEDDING).dtype() == DType.BF16) {
                float[] frequencies = checkpoint.config().inverseFrequencies();
                for (int i = 0; i < frequencies.length; i++) {
                    frequencies[i] = roundToBf16(frequencies[i]);
                }
            }
            return load(checkpoint, backend, dtype, numBlocks, blockSize);
        }
    }

    private static float roundToBf16(float f) {
        int bits = Float.floatToRawIntBits(f);
        return Float.intBitsToFloat(bits + 0x7fff + (bits >>> 16 & 1) & 0xffff0000);
    }

    /** The default model. */
    public static TinyModel defaultModel(int numBlocks) {
        return load(
                SharedData.defaultModel(),
                CpuBackend.create(0, 0, false),
                KvDType.F32,
                numBlocks,
                BLOCK_SIZE);
    }

    /** Any checkpoint on a given backend, which the result then owns. */
    public static TinyModel load(
            Path checkpointPath, Backend backend, KvDType dtype, int numBlocks, int blockSize) {
        try (var checkpoint = Checkpoint.open(checkpointPath)) {
            return load(checkpoint, backend, dtype, numBlocks, blockSize);
        }
    }

    private static TinyModel load(
            Checkpoint checkpoint, Backend backend, KvDType dtype, int numBlocks, int blockSize) {
        var config = checkpoint.config();
        var weights = LlamaWeightsLoader.load(checkpoint, backend, ProgressListener.NONE);
        backend.allocateWorkspace(config.shape(), MAX_TOKENS, MAX_ROWS);
        var cache = backend.allocateKvCache(config.shape(), dtype, numBlocks, blockSize);
        var model = new LlamaModel(config, weights, backend, cache, () -> {});
        return new TinyModel(config, weights, backend, cache, model);
    }

    @Override
    public void close() {
        model.close();
    }
}
