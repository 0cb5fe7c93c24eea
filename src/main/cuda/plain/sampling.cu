// Arg max among the ids allowed. A thread a row.
#include "plain.cuh"

__device__ bool is_banned(const SamplingParams& p, const SampleRow& row, int id) {
    if (row.banned < 0) {
        return false;
    }
    const int* list = p.step.lists + row.banned;
    for (int i = 1; i <= list[0]; i++) {
        if (list[i] == id) {
            return true;
        }
    }
    return false;
}

extern "C" __global__ void sampling_plain(const __grid_constant__ SamplingParams p) {
    const int r = thread_index();
    if (r >= p.step.counts->rows) {
        return;
    }
    const SampleRow row = p.step.rows[r];
    const float* logits = p.logits + static_cast<long>(r) * p.vocab;
    SampledRow result = {-1, 0, 1, 0};
    for (int id = 0; id < p.vocab; id++) {
        if (!isfinite(logits[id])) {
            result.finite = 0;
        }
        const bool allowed =
            !p.masks || p.masks[static_cast<long>(r) * p.mask_words + id / 32] >> id % 32 & 1;
        if (allowed && !is_banned(p, row, id) && (result.token < 0 || logits[id] > logits[result.token])) {
            result.token = id;
        }
    }
    if (row.target >= 0) {
        result.token = row.target;
    }
    if (result.token < 0) {
        result.finite = 0;
        result.token = 0;
    }
    p.results[row.slot] = result;
    for (int i = 0; i < MAX_RANKS && p.sampled[i]; i++) {
        p.sampled[i][row.slot] = result.token;
    }
}
KERNEL(sampling_plain)
