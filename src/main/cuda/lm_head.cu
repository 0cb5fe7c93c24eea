// Logits of the step's rows: of this rank's ids.
#include "gemm.cuh"

struct LmHeadProduct : NormedProduct<LmHeadParams> {
    static constexpr int ELEMENTS = 4;

    // Rows of logits take the place of tokens.
    __device__ __forceinline__ int tokens() const { return p.step.counts->rows; }
    __device__ __forceinline__ int row(int n) const { return p.step.rows[n].token; }

    // A rank may have any number of ids.
    __device__ __forceinline__ void store(int n, int first_row, int unit, const float* y,
                                          float scale) const {
        const int id = first_row + unit * ELEMENTS;
        const float4 logits = scaled(y + unit * ELEMENTS, scale);
        float* to = p.logits + static_cast<size_t>(n) * p.vocab + p.first + id;
        if (id + 3 < p.weights.rows && (p.vocab | p.first) % 4 == 0) {
            *reinterpret_cast<float4*>(to) = logits;
            return;
        }
        if (id < p.weights.rows) to[0] = logits.x;
        if (id + 1 < p.weights.rows) to[1] = logits.y;
        if (id + 2 < p.weights.rows) to[2] = logits.z;
        if (id + 3 < p.weights.rows) to[3] = logits.w;
    }
};

PRODUCT_KERNEL(lm_head_16x8, LmHeadParams, LmHeadProduct, Tile16x8)
KERNEL(lm_head_16x8)
PRODUCT_KERNEL(lm_head_32x32, LmHeadParams, LmHeadProduct, Tile32x32)
KERNEL(lm_head_32x32)
PRODUCT_KERNEL(lm_head_64x64, LmHeadParams, LmHeadProduct, Tile64x64)
KERNEL(lm_head_64x64)
PRODUCT_KERNEL(lm_head_128x128, LmHeadParams, LmHeadProduct, Tile128x128)
KERNEL(lm_head_128x128)
