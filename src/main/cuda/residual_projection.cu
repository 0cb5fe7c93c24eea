// Output projection and down: adds to the residual on one rank, writes the rank's partial sums on
// several.
#include "gemm.cuh"
#include "residual.cuh"

struct ResidualProduct {
    const ResidualProjectionParams& p;

    static constexpr int ELEMENTS = 4; // four threads have a SQUARES_GROUP

    __device__ __forceinline__ int tokens() const { return p.step.counts->tokens; }
    __device__ __forceinline__ const Matrix& weights() const { return p.weights; }
    __device__ __forceinline__ const bf16* x() const { return p.in; }
    __device__ __forceinline__ int row(int n) const { return n; }

    template <int WARPS, class RowOf>
    __device__ __forceinline__ void fold(float*, int, RowOf) const {}

    __device__ __forceinline__ void store(int n, int first_row, int unit, const float* y, float) const {
        const int row = first_row + unit * ELEMENTS;
        if (row >= p.out.hidden) return;
        const float4 sum = reinterpret_cast<const float4*>(y)[unit];
        const size_t quad = (static_cast<size_t>(n) * p.out.hidden + row) / 4;
        if (p.partial != nullptr) {
            reinterpret_cast<float4*>(p.partial)[quad] = sum;
            return;
        }
        const float4 before = reinterpret_cast<const float4*>(p.out.values)[quad];
        store_residual(p.out, p.norm, quad,
                       {before.x + sum.x, before.y + sum.y, before.z + sum.z, before.w + sum.w});
    }
};

PRODUCT_KERNEL(residual_projection_16x8, ResidualProjectionParams, ResidualProduct, Tile16x8)
KERNEL(residual_projection_16x8)
PRODUCT_KERNEL(residual_projection_32x32, ResidualProjectionParams, ResidualProduct, Tile32x32)
KERNEL(residual_projection_32x32)
PRODUCT_KERNEL(residual_projection_64x64, ResidualProjectionParams, ResidualProduct, Tile64x64)
KERNEL(residual_projection_64x64)
PRODUCT_KERNEL(residual_projection_128x128, ResidualProjectionParams, ResidualProduct, Tile128x128)
KERNEL(residual_projection_128x128)
