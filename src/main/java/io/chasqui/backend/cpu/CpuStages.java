package io.chasqui.backend.cpu;

import io.chasqui.backend.DecoderStages;
import io.chasqui.backend.KvCacheStorage;
import io.chasqui.backend.LinearWeights;
import io.chasqui.backend.VectorWeights;

/** The stages on the cores of this machine, over the one workspace of a backend. */
final class CpuStages implements DecoderStages {
    private final CpuForwardPass pass;
    private final Embedding embedding;
    private final QkvProjection qkvProjection;
    private final PagedAttention attention;
    private final OutputProjection outputProjection;
    private final FeedForward feedForward;
    private final LmHead lmHead;

    /** Of the next projection of the residual stream. */
    private CpuVector norm;

    CpuStages(Kernels kernels, WorkerPool pool, MatMul matMul, CpuForwardPass pass) {
        this.pass = pass;
        var linear =
                new Linear(
                        matMul,
                        pool.size(),
                        Math.max(pass.maxTokens, pass.maxRows),
                        CpuForwardPass.widestInput(pass.shape));
        var input = new ProjectionInput(kernels, pool);
        embedding = new Embedding(pool);
        qkvProjection = new QkvProjection(kernels, pool, linear, input);
        attention = new PagedAttention(kernels, pool, pass);
        outputProjection = new OutputProjection(pool, linear, input);
        feedForward = new FeedForward(kernels, pool, linear, input);
        lmHead = new LmHead(pool, linear, input);
    }

    /** Prepares for the batch that the pass now holds. */
    void begin() {
        attention.plan(pass);
    }

    @Override
    public void embed(LinearWeights table, VectorWeights next) {
        embedding.run(pass, (PackedMatrix) table);
        norm = (CpuVector) next;
    }

    @Override
    public void qkvProjection(LinearWeights qkv, KvCacheStorage kv, int layer) {
        qkvProjection.run(pass, norm, (PackedMatrix) qkv, (CpuKvCache) kv, layer);
    }

    @Override
    public void attention(KvCacheStorage kv, int layer) {
        attention.run(pass, (CpuKvCache) kv, layer);
    }

    @Override
    public void outputProjection(LinearWeights output, VectorWeights next) {
        outputProjection.run(pass, (PackedMatrix) output);
        norm = (CpuVector) next;
    }

    @Override
    public void gateUp(LinearWeights gateUp) {
        feedForward.gateUp(pass, norm, (PackedMatrix) gateUp);
    }

    @Override
    public void down(LinearWeights down, VectorWeights next) {
        feedForward.down(pass, (PackedMatrix) down);
        norm = (CpuVector) next;
    }

    @Override
    public void lmHead(LinearWeights head) {
        if (pass.rows() > 0) {
            lmHead.run(pass, norm, (PackedMatrix) head);
        }
    }
}
