package io.chasqui.model;

import io.chasqui.backend.Backend;
import io.chasqui.backend.DecoderProgram;
import io.chasqui.backend.DecoderStages;
import io.chasqui.backend.ForwardBatch;
import io.chasqui.backend.ForwardPass;
import io.chasqui.backend.KvCacheStorage;
import io.chasqui.backend.PendingTokens;

/** A Llama decoder on a backend, over a paged KV cache. */
public final class LlamaModel implements AutoCloseable {
    private final LlamaConfig config;
    private final LlamaWeights weights;
    private final Backend backend;
    private final KvCacheStorage kvCache;
    private final Runnable heartbeat;
    private final DecoderProgram program = this::decode;

    /**
     * @param heartbeat called after each layer, so that a watchdog can tell a long step from a hung
     *     one
     */
    public LlamaModel(
            LlamaConfig config,
            LlamaWeights weights,
            Backend backend,
            KvCacheStorage kvCache,
            Runnable heartbeat) {
        this.config = config;
        this.weights = weights;
        this.backend = backend;
        this.kvCache = kvCache;
        this.heartbeat = heartbeat;
    }

    public LlamaConfig config() {
        return config;
    }

    public LlamaWeights weights() {
        return weights;
    }

    public KvCacheStorage kvCache() {
        return kvCache;
    }

    /** Runs all layers over the batch and, where rows ask for it, the head. */
    public ForwardPass forward(ForwardBatch batch) {
        return backend.forward(batch, program);
    }

    private void decode(DecoderStages stages) {
        stages.embed(weights.embedding(), weights.normAfter(0));
        for (int l = 0; l < config.layers(); l++) {
            var layer = weights.layers().get(l);
            stages.qkvProjection(layer.qkv(), kvCache, l);
            stages.attention(kvCache, l);
            stages.outputProjection(layer.output(), layer.ffnNorm());
            stages.gateUp(layer.gateUp());
            stages.down(layer.down(), weights.normAfter(l + 1));
            heartbeat.run();
        }
        stages.lmHead(weights.head());
    }

    /** Begins to sample one token per logits row of the pass. */
    public PendingTokens sample(ForwardPass pass, long[][] masks) {
        return pass.batch().rows().length == 0 ? PendingTokens.NONE : backend.sample(pass, masks);
    }

    /** Whether a pass may begin before the tokens of the last one are read. */
    public boolean pipelined() {
        return backend.pipelined();
    }

    @Override
    public void close() {
        kvCache.close();
        backend.close();
    }
}
