// The state of softmax-weighted sums over some keys.
#pragma once
#include "plain.cuh"

constexpr int MAX_HEAD_DIM = 256;

struct AttentionState {
    float max;
    float sum;
    float accumulator[MAX_HEAD_DIM];
};

__device__ __forceinline__ void clear(AttentionState& state, int head_dim) {
    state.max = -INFINITY;
    state.sum = 0;
    for (int d = 0; d < head_dim; d++) {
        state.accumulator[d] = 0;
    }
}

// The state over the keys of both, those of `left` first. There are none in `right` when the token
// is one of a piece of work whose later tokens reach a chunk that it doesn't.
__device__ __forceinline__ void fold(AttentionState& left, const AttentionState& right,
                                     int head_dim) {
    if (right.max == -INFINITY) {
        return;
    }
    const float max = fmaxf(left.max, right.max);
    const float l = expf(left.max - max);
    const float r = expf(right.max - max);
    left.max = max;
    left.sum = left.sum * l + right.sum * r;
    for (int d = 0; d < head_dim; d++) {
        left.accumulator[d] = left.accumulator[d] * l + right.accumulator[d] * r;
    }
}

// Where the state of one token and head lies; `head` counts through the groups of all KV heads.
__device__ __forceinline__ float* state_at(const AttentionParams& p, int state, int tokens,
                                           int token, int head) {
    const int group = p.heads / p.pages.kv_heads;
    const long first = static_cast<long>(state) * p.heads;
    const long index = (static_cast<long>(head / group) * tokens + token) * group + head % group;
    return p.states + (first + index) * (2 + p.pages.head_dim);
}

__device__ __forceinline__ void store_result(const AttentionParams& p, const AttentionState& state,
                                             int t, int head) {
    const int head_dim = p.pages.head_dim;
    for (int d = 0; d < head_dim; d++) {
        p.out[(static_cast<long>(t) * p.heads + head) * head_dim + d] =
            __float2bfloat16(state.accumulator[d] / state.sum);
    }
}
