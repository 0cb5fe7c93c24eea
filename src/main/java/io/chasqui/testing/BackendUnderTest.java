package io.chasqui.testing;

import io.chasqui.backend.Backend;
import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.KvCacheStorage;
import io.chasqui.backend.KvDType;
import io.chasqui.backend.SampledToken;
import io.chasqui.model.Checkpoint;
import io.chasqui.model.LlamaModel;
import io.chasqui.model.LlamaWeightsLoader;
import io.chasqui.model.ProgressListener;

/**
 * A model on a backend, without an engine.
 *
 * @param model owns backend and cache
 */
record BackendUnderTest(Backend backend, KvCacheStorage cache, LlamaModel model)
        implements AutoCloseable {
    static final int BLOCK_SIZE = 16;

    /** Loads a checkpoint; logits may be wanted of every token of a batch. */
    static BackendUnderTest load(
            Checkpoint checkpoint, Backend backend, KvDType kvDType, int maxTokens, int numBlocks) {
        try {
            var config = checkpoint.config();
            var weights = LlamaWeightsLoader.load(checkpoint, backend, ProgressListener.NONE);
            backend.allocateWorkspace(config.shape(), maxTokens, maxTokens);
            var cache = backend.allocateKvCache(config.shape(), kvDType, numBlocks, BLOCK_SIZE);
            var model = new LlamaModel(config, weights, backend, cache, () -> {});
            return new BackendUnderTest(backend, cache, model);
        } catch (RuntimeException | Error e) {
            backend.close();
            throw e;
        }
    }

    /** Logits of the batch's rows. */
    float[][] logits(ForwardBatch batch) {
        return backend.readLogits(model.forward(batch));
    }

    SampledToken[] sample(ForwardBatch batch) {
        return model.sample(model.forward(batch), null).await();
    }

    @Override
    public void close() {
        model.close();
    }
}
