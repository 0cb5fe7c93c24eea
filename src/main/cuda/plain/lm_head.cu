// Logits of the step's rows. A block row a row of logits, a thread an id of this rank's shard.
#include "plain.cuh"

extern "C" __global__ void lm_head_plain(const __grid_constant__ LmHeadParams p) {
    const int row = blockIdx.y;
    const int id = thread_index();
    if (row >= p.step.counts->rows || id >= p.weights.rows) {
        return;
    }
    const int t = p.step.rows[row].token;
    const float scale = norm_scale(p.in, t, p.norm_eps);
    const bf16* x = p.in.x + static_cast<long>(t) * p.in.hidden;
    p.logits[static_cast<long>(row) * p.vocab + p.first + id] = scale * dot(p.weights, id, x);
}
KERNEL(lm_head_plain)
