// Adds to the residual the partial sums of all ranks, in rank order. One block, a thread a group of
// the residual.
#include "../rank_barrier.cuh"
#include "plain.cuh"

extern "C" __global__ void all_reduce_plain(const __grid_constant__ AllReduceParams p) {
    meet_ranks(p.flags, p.rank, p.ranks);
    const int groups = p.out.hidden / SQUARES_GROUP;
    for (int g = threadIdx.x; g < p.step.counts->tokens * groups; g += blockDim.x) {
        for (int i = g * SQUARES_GROUP; i < (g + 1) * SQUARES_GROUP; i++) {
            float sum = p.partials[0][i];
            for (int r = 1; r < p.ranks; r++) {
                sum += p.partials[r][i];
            }
            p.out.values[i] += sum;
        }
        finish_group(p.out, p.norm, g / groups, g % groups);
    }
}
KERNEL(all_reduce_plain)
