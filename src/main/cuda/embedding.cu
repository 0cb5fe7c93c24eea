// Looks up the embedding of each token: a block a token. Padding has none.
#include "residual.cuh"

constexpr int EMBEDDING_THREADS = 256; // at most; a multiple of 32

// Where four elements of a row of a table lie; see Matrix.
__device__ inline const uint2* table_quad(const bf16* tiles, int hidden, int row, int quad) {
    const int column = 4 * quad;
    const int column_tiles = (hidden + TILE - 1) / TILE;
    const size_t tile = static_cast<size_t>(row / TILE) * column_tiles + column / TILE;
    const int r = row % TILE;
    const int chunk = (column % TILE / 8) ^ (r & 7);
    const bf16* at = tiles + tile * TILE * TILE + r * TILE + chunk * 8 + column % 8;
    return reinterpret_cast<const uint2*>(at);
}

extern "C" __global__ void __launch_bounds__(EMBEDDING_THREADS)
    embedding(const __grid_constant__ EmbeddingParams p) {
    const int t = blockIdx.x;
    if (t >= p.step.counts->tokens) return;
    int token = p.step.tokens[t];
    if (token < 0) token = p.step.sampled[-1 - token];
    const bf16* shard = p.shards[token / p.rows_per_shard];
    const int row = token % p.rows_per_shard;
    const int quads = p.out.hidden / 4;
    for (int quad = threadIdx.x; quad < quads; quad += blockDim.x) {
        Bf16Quad v;
        v.bits = *table_quad(shard, p.out.hidden, row, quad);
        const float4 value = {__bfloat162float(v.elements[0]), __bfloat162float(v.elements[1]),
                              __bfloat162float(v.elements[2]), __bfloat162float(v.elements[3])};
        store_residual(p.out, p.norm, static_cast<uint32_t>(t * quads + quad), value);
    }
}
KERNEL(embedding)
