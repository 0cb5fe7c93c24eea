// q, k, v of each token; q and k rotated, k and v written to their pages.
#include "gemm.cuh"

struct QkvProduct : NormedProduct<QkvParams> {
    // Half a group of 16 rows: four and those 8 further on, the pairs of q and k that are rotated.
    static constexpr int ELEMENTS = 8;

    __device__ __forceinline__ void store(int n, int first_row, int unit, const float* y,
                                          float scale) const {
        const int in_tile = unit / 2 * 16 + unit % 2 * 4;
        const int row = first_row + in_tile;
        if (row >= p.weights.rows) return;
        const int head_dim = p.pages.head_dim;
        const int head = row / head_dim;
        bf16* to = head_of(n, head);
        if (to == nullptr) return;
        const float4 a = scaled(y + in_tile, scale);
        const float4 b = scaled(y + in_tile + 8, scale);
        const int dim = row - head * head_dim;
        if (head >= p.heads + p.pages.kv_heads) {
            store_bf16(to + dim, a);
            store_bf16(to + dim + 8, b);
        } else {
            rotate(to, dim / 16 * 8 + dim % 8, p.step.positions[n], a, b);
        }
    }

    // Where a head of q, k or v of a token lies; null for k and v of padding.
    __device__ __forceinline__ bf16* head_of(int n, int head) const {
        const KvPages& pages = p.pages;
        if (head < p.heads) {
            return p.queries + (static_cast<size_t>(n) * p.heads + head) * pages.head_dim;
        }
        const int slot = p.step.slots[n];
        if (slot < 0) return nullptr;
        const bool key = head < p.heads + pages.kv_heads;
        const int kv_head = head - p.heads - (key ? 0 : pages.kv_heads);
        const size_t block = slot / pages.block_size;
        const size_t row =
            (block * pages.kv_heads + kv_head) * pages.block_size + slot % pages.block_size;
        return (key ? pages.keys : pages.values) + row * pages.head_dim;
    }

    // Rotates pairs (j, j + head_dim / 2) .. (j + 3, ...). The angle is rounded to float before sine
    // and cosine are taken, as in backend.cpu.Rope.
    __device__ __forceinline__ void rotate(bf16* to, int j, int position, float4 a, float4 b) const {
        const float x[4] = {a.x, a.y, a.z, a.w};
        const float y[4] = {b.x, b.y, b.z, b.w};
        float low[4];
        float high[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const float angle =
                __fmul_rn(static_cast<float>(position), p.inverse_frequencies[j + i]);
            float s;
            float c;
            sincosf(angle, &s, &c);
            low[i] = __fsub_rn(__fmul_rn(x[i], c), __fmul_rn(y[i], s));
            high[i] = __fadd_rn(__fmul_rn(y[i], c), __fmul_rn(x[i], s));
        }
        store_bf16(to + j, {low[0], low[1], low[2], low[3]});
        store_bf16(to + j + p.pages.head_dim / 2, {high[0], high[1], high[2], high[3]});
    }
};

PRODUCT_KERNEL(qkv_projection_16x8, QkvParams, QkvProduct, Tile16x8)
KERNEL(qkv_projection_16x8)
PRODUCT_KERNEL(qkv_projection_32x32, QkvParams, QkvProduct, Tile32x32)
KERNEL(qkv_projection_32x32)
PRODUCT_KERNEL(qkv_projection_64x64, QkvParams, QkvProduct, Tile64x64)
KERNEL(qkv_projection_64x64)
PRODUCT_KERNEL(qkv_projection_128x128, QkvParams, QkvProduct, Tile128x128)
KERNEL(qkv_projection_128x128)
