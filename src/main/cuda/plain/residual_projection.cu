// Output projection and down. A block row a token, a thread a group of the residual.
#include "plain.cuh"

extern "C" __global__ void residual_projection_plain(const __grid_constant__ ResidualProjectionParams p) {
    const int t = blockIdx.y;
    const int group = thread_index();
    if (t >= p.step.counts->tokens || group >= p.out.hidden / SQUARES_GROUP) {
        return;
    }
    const bf16* in = p.in + static_cast<long>(t) * p.weights.columns;
    for (int row = group * SQUARES_GROUP; row < (group + 1) * SQUARES_GROUP; row++) {
        const long at = static_cast<long>(t) * p.out.hidden + row;
        const float y = dot(p.weights, row, in);
        if (p.partial) {
            p.partial[at] = y;
        } else {
            p.out.values[at] += y;
        }
    }
    if (!p.partial) {
        finish_group(p.out, p.norm, t, group);
    }
}
KERNEL(residual_projection_plain)
