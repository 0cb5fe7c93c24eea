// What RMSNorm divides a token by, from the sums of squares that residual.cuh writes: the one way to
// fold them, whatever kernel asks and however many threads it has.
//
// A warp folds a token. Its lane l adds up the quads l, l + 32, ... of groups in order, each quad as
// (s0 + s1) + (s2 + s3) with zeros beyond the last group; the lanes' sums are added that lie 16, 8,
// 4, 2 and 1 apart.
#pragma once
#include "params.cuh"

constexpr int FOLDED_TOGETHER = 4; // tokens whose loads a warp has under way at the same time

// Sum of four groups of a token; `wide` where every token's groups are whole quads.
__device__ __forceinline__ float sum_of_groups(const float* groups, int quad, int count, bool wide) {
    float4 s;
    if (wide) {
        s = reinterpret_cast<const float4*>(groups)[quad];
    } else {
        const int i = 4 * quad;
        s.x = groups[i];
        s.y = i + 1 < count ? groups[i + 1] : 0.0f;
        s.z = i + 2 < count ? groups[i + 2] : 0.0f;
        s.w = i + 3 < count ? groups[i + 3] : 0.0f;
    }
    return (s.x + s.y) + (s.z + s.w);
}

// scales[n] = 1 / rms of token_of(n) for n < count, by all threads of the block; a barrier must
// follow.
template <int WARPS, class TokenOf>
__device__ __forceinline__ void fold_squares(float* scales, const Residual& in, float eps, int count,
                                             TokenOf token_of) {
    const int groups = in.hidden / SQUARES_GROUP;
    const int quads = (groups + 3) / 4;
    const bool wide = groups % 4 == 0;
    for (int first = warp_id() * FOLDED_TOGETHER; first < count; first += WARPS * FOLDED_TOGETHER) {
        const float* squares[FOLDED_TOGETHER];
        float sums[FOLDED_TOGETHER];
#pragma unroll
        for (int i = 0; i < FOLDED_TOGETHER; i++) {
            const int n = min(first + i, count - 1);
            squares[i] = in.squares + static_cast<size_t>(token_of(n)) * groups;
            sums[i] = 0;
        }
        for (int quad = lane_id(); quad < quads; quad += 32) {
#pragma unroll
            for (int i = 0; i < FOLDED_TOGETHER; i++) {
                sums[i] += sum_of_groups(squares[i], quad, groups, wide);
            }
        }
#pragma unroll
        for (int i = 0; i < FOLDED_TOGETHER; i++) {
#pragma unroll
            for (int apart = 16; apart > 0; apart /= 2) {
                sums[i] += __shfl_xor_sync(~0u, sums[i], apart);
            }
            if (lane_id() == 0 && first + i < count) {
                scales[first + i] = 1 / sqrtf(sums[i] / in.hidden + eps);
            }
        }
    }
}
