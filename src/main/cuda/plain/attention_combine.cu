// Folds the states of chunks, from the first. Blocks loop over the step's work, a thread is one head
// of one token.
#include "attention_state.cuh"

__device__ void load(const AttentionParams& p, const CombineWork& work, int chunk, int token,
                     int head, AttentionState& state) {
    const float* kept = state_at(p, work.state + chunk * work.num_tokens, work.num_tokens, token, head);
    state.max = kept[0];
    state.sum = kept[1];
    for (int d = 0; d < p.pages.head_dim; d++) {
        state.accumulator[d] = kept[2 + d];
    }
}

__device__ void combine(const AttentionParams& p, const CombineWork& work, int token, int head) {
    AttentionState result;
    AttentionState state;
    load(p, work, 0, token, head, result);
    for (int chunk = 1; chunk < work.num_chunks; chunk++) {
        load(p, work, chunk, token, head, state);
        fold(result, state, p.pages.head_dim);
    }
    store_result(p, result, work.first_token + token, head);
}

extern "C" __global__ void attention_combine_plain(const __grid_constant__ AttentionParams p) {
    for (int w = blockIdx.x; w < p.step.counts->combine_work; w += gridDim.x) {
        const CombineWork work = p.step.combine_work[w];
        for (int i = threadIdx.x; i < work.num_tokens * p.heads; i += blockDim.x) {
            combine(p, work, i / p.heads, i % p.heads);
        }
    }
}
KERNEL(attention_combine_plain)
