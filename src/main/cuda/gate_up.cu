// inner = silu(gate) * up.
#include "gemm.cuh"

struct GateUpProduct : NormedProduct<GateUpParams> {
    // Half a group of 16 rows: four of gate and, 8 further on, those of up.
    static constexpr int ELEMENTS = 8;

    __device__ __forceinline__ void store(int n, int first_row, int unit, const float* y,
                                          float scale) const {
        const int in_tile = unit / 2 * 16 + unit % 2 * 4;
        if (first_row + in_tile >= p.weights.rows) return;
        const float4 gate = scaled(y + in_tile, scale);
        const float4 up = scaled(y + in_tile + 8, scale);
        const size_t ffn = p.weights.rows / 2;
        store_bf16(p.inner + n * ffn + first_row / 2 + unit * 4,
                   {silu(gate.x) * up.x, silu(gate.y) * up.y, silu(gate.z) * up.z,
                    silu(gate.w) * up.w});
    }

    // Never a fused multiply-add; see sum_of_squares.
    __device__ __forceinline__ static float silu(float x) { return x / __fadd_rn(1.0f, expf(-x)); }
};

PRODUCT_KERNEL(gate_up_16x8, GateUpParams, GateUpProduct, Tile16x8)
KERNEL(gate_up_16x8)
PRODUCT_KERNEL(gate_up_32x32, GateUpParams, GateUpProduct, Tile32x32)
KERNEL(gate_up_32x32)
PRODUCT_KERNEL(gate_up_64x64, GateUpParams, GateUpProduct, Tile64x64)
KERNEL(gate_up_64x64)
PRODUCT_KERNEL(gate_up_128x128, GateUpParams, GateUpProduct, Tile128x128)
KERNEL(gate_up_128x128)
