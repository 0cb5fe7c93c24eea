package io.chasqui.backend.cpu;

import io.chasqui.backend.SampledToken;

/** Turns the logits of a step into tokens, one row to one worker. */
final class Sampling {
    private final WorkerPool pool;
    private final RowSampler[] samplers;
    private final WorkerPool.Region sample = this::sample;

    private CpuForwardPass pass;
    private long[][] masks;
    private SampledToken[] results;

    Sampling(Kernels kernels, WorkerPool pool, int vocab) {
        this.pool = pool;
        samplers = new RowSampler[pool.size()];
        for (int w = 0; w < samplers.length; w++) {
            samplers[w] = new RowSampler(kernels, vocab);
        }
    }

    SampledToken[] run(CpuForwardPass forward, long[][] rowMasks) {
        pass = forward;
        masks = rowMasks;
        results = new SampledToken[forward.rows()];
        pool.run(results.length, 1, sample);
        return results;
    }

    private void sample(int worker, int from, int to) {
        int vocab = pass.shape.vocab();
        for (int i = from; i < to; i++) {
            var row = pass.batch().rows()[i];
            long[] mask = masks == null ? null : masks[i];
            results[i] = samplers[worker].sample(pass.logits, i * vocab, row, mask);
        }
    }
}
