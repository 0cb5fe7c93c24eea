// How a residual is written by threads that have four elements each.
#pragma once
#include "params.cuh"

// Four elements in bf16, as they lie in memory.
union Bf16Quad {
    uint2 bits;
    bf16 elements[4];

    __device__ Bf16Quad() {}
};

// The sum of the squares of the SQUARES_GROUP elements of four neighbouring threads, for each of them:
// elements are added that lie 8 apart, then sums that lie 4, 2 and 1 apart. Squares are rounded before
// they are added: a fused multiply-add here and none there would be other bits.
__device__ inline float sum_of_squares(float4 v) {
    const uint32_t neighbours = 0xFu << (lane_id() & ~3);
    float squares[4] = {__fmul_rn(v.x, v.x), __fmul_rn(v.y, v.y), __fmul_rn(v.z, v.z),
                        __fmul_rn(v.w, v.w)};
    for (float& square : squares) {
        square += __shfl_xor_sync(neighbours, square, 2);
        square += __shfl_xor_sync(neighbours, square, 1);
    }
    return (squares[0] + squares[2]) + (squares[1] + squares[3]);
}

// Writes four elements of the residual and what the next projection reads of them. `quad` is their
// index in fours. The four threads of a SQUARES_GROUP are neighbours and call this together.
__device__ inline void store_residual(const Residual& out, const float* norm, uint32_t quad,
                                      float4 value) {
    constexpr int QUADS = SQUARES_GROUP / 4;
    const uint32_t column = quad % static_cast<uint32_t>(out.hidden / 4);
    const float4 gain = reinterpret_cast<const float4*>(norm)[column];
    Bf16Quad x;
    x.elements[0] = __float2bfloat16(value.x * gain.x);
    x.elements[1] = __float2bfloat16(value.y * gain.y);
    x.elements[2] = __float2bfloat16(value.z * gain.z);
    x.elements[3] = __float2bfloat16(value.w * gain.w);
    reinterpret_cast<float4*>(out.values)[quad] = value;
    reinterpret_cast<uint2*>(out.x)[quad] = x.bits;
    const float squares = sum_of_squares(value);
    if (quad % QUADS == 0) out.squares[quad / QUADS] = squares;
}
