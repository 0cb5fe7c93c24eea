// q, k, v of a token; q and k rotated. A block row a token, a thread two rows of the matrix: a pair
// that RoPE rotates, or two neighbours of a value.
#include "plain.cuh"

__device__ void store(const QkvParams& p, int t, int head, int dim, float value) {
    const int head_dim = p.pages.head_dim;
    if (head < p.heads) {
        p.queries[(static_cast<long>(t) * p.heads + head) * head_dim + dim] = __float2bfloat16(value);
        return;
    }
    const int slot = p.step.slots[t];
    if (slot < 0) {
        return;
    }
    const bool key = head < p.heads + p.pages.kv_heads;
    const int kv_head = head - p.heads - (key ? 0 : p.pages.kv_heads);
    const long block = slot / p.pages.block_size;
    const long row = (block * p.pages.kv_heads + kv_head) * p.pages.block_size + slot % p.pages.block_size;
    (key ? p.pages.keys : p.pages.values)[row * head_dim + dim] = __float2bfloat16(value);
}

extern "C" __global__ void qkv_projection_plain(const __grid_constant__ QkvParams p) {
    const int t = blockIdx.y;
    const int half = p.pages.head_dim / 2;
    const int head = thread_index() / half;
    if (t >= p.step.counts->tokens || head >= p.heads + 2 * p.pages.kv_heads) {
        return;
    }
    const int j = thread_index() % half;
    const float scale = norm_scale(p.in, t, p.norm_eps);
    const bf16* x = p.in.x + static_cast<long>(t) * p.in.hidden;
    const int first = head * p.pages.head_dim;
    if (head >= p.heads + p.pages.kv_heads) {
        store(p, t, head, 2 * j, scale * dot(p.weights, first + 2 * j, x));
        store(p, t, head, 2 * j + 1, scale * dot(p.weights, first + 2 * j + 1, x));
        return;
    }
    const int row = first + j / 8 * 16 + j % 8;
    const float a = scale * dot(p.weights, row, x);
    const float b = scale * dot(p.weights, row + 8, x);
    const float angle = p.step.positions[t] * p.inverse_frequencies[j];
    const float c = cosf(angle);
    const float s = sinf(angle);
    store(p, t, head, j, a * c - b * s);
    store(p, t, head, j + half, b * c + a * s);
}
KERNEL(qkv_projection_plain)
