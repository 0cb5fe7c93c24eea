// Attention of a query token over chunks of keys. Blocks loop over the step's work, a thread is one
// head of one token.
#include "attention_state.cuh"

// Offset of a key or value in the pages.
__device__ long element(const AttentionParams& p, int sequence, int kv_head, int position) {
    const int* table = p.step.blocks + p.step.block_start[sequence];
    const long block = table[position / p.pages.block_size];
    const long row = (block * p.pages.kv_heads + kv_head) * p.pages.block_size + position % p.pages.block_size;
    return row * p.pages.head_dim;
}

// The state over one chunk, of which the keys before `end` are there.
__device__ void run_chunk(const AttentionParams& p, const AttentionWork& work, int t, int head,
                          int chunk, int end, AttentionState& state) {
    const int head_dim = p.pages.head_dim;
    const int kv_head = head / (p.heads / p.pages.kv_heads);
    const bf16* query = p.queries + (static_cast<long>(t) * p.heads + head) * head_dim;
    const float scale = 1 / sqrtf(static_cast<float>(head_dim));
    float scores[ATTENTION_CHUNK];
    const int first = chunk * ATTENTION_CHUNK;
    const int keys = min(ATTENTION_CHUNK, end - first);
    clear(state, head_dim);
    for (int i = 0; i < keys; i++) {
        const bf16* key = p.pages.keys + element(p, work.sequence, kv_head, first + i);
        float score = 0;
        for (int d = 0; d < head_dim; d++) {
            score += __bfloat162float(query[d]) * __bfloat162float(key[d]);
        }
        scores[i] = score * scale;
        state.max = fmaxf(state.max, scores[i]);
    }
    for (int i = 0; i < keys; i++) {
        const bf16* value = p.pages.values + element(p, work.sequence, kv_head, first + i);
        const float weight = expf(scores[i] - state.max);
        state.sum += weight;
        for (int d = 0; d < head_dim; d++) {
            state.accumulator[d] += weight * __bfloat162float(value[d]);
        }
    }
}

__device__ void keep(const AttentionParams& p, const AttentionWork& work, int token, int head,
                     int chunk, const AttentionState& state) {
    float* kept = state_at(p, work.state + (chunk - work.first_chunk) * work.num_tokens,
                           work.num_tokens, token, head);
    kept[0] = state.max;
    kept[1] = state.sum;
    for (int d = 0; d < p.pages.head_dim; d++) {
        kept[2 + d] = state.accumulator[d];
    }
}

__device__ void run_work(const AttentionParams& p, const AttentionWork& work, int token, int head) {
    const int t = work.first_token + token;
    const int end = p.step.positions[t] + 1;
    AttentionState result;
    AttentionState state;
    for (int c = 0; c < work.num_chunks; c++) {
        const int chunk = work.first_chunk + c;
        if (chunk * ATTENTION_CHUNK < end) {
            run_chunk(p, work, t, head, chunk, end, state);
        } else if (work.state >= 0) {
            clear(state, p.pages.head_dim);
        } else {
            break;
        }
        if (work.state >= 0) {
            keep(p, work, token, head, chunk, state);
        } else if (c == 0) {
            result = state;
        } else {
            fold(result, state, p.pages.head_dim);
        }
    }
    if (work.state < 0) {
        store_result(p, result, t, head);
    }
}

extern "C" __global__ void paged_attention_plain(const __grid_constant__ AttentionParams p) {
    for (int w = blockIdx.x; w < p.step.counts->attention_work; w += gridDim.x) {
        const AttentionWork work = p.step.attention_work[w];
        for (int i = threadIdx.x; i < work.num_tokens * p.heads; i += blockDim.x) {
            run_work(p, work, i / p.heads, i % p.heads);
        }
    }
}
KERNEL(paged_attention_plain)
