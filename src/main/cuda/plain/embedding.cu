// residual[t] = row tokens[t] of the table. A block a token, a thread a group of the residual.
#include "plain.cuh"

extern "C" __global__ void embedding_plain(const __grid_constant__ EmbeddingParams p) {
    const int t = blockIdx.x;
    if (t >= p.step.counts->tokens) {
        return;
    }
    const int token = token_at(p.step, t);
    const Matrix shard = {p.shards[token / p.rows_per_shard], p.rows_per_shard, p.out.hidden};
    const int row = token % p.rows_per_shard;
    for (int g = threadIdx.x; g < p.out.hidden / SQUARES_GROUP; g += blockDim.x) {
        for (int i = g * SQUARES_GROUP; i < (g + 1) * SQUARES_GROUP; i++) {
            p.out.values[static_cast<long>(t) * p.out.hidden + i] = weight_at(shard, row, i);
        }
        finish_group(p.out, p.norm, t, g);
    }
}
KERNEL(embedding_plain)
