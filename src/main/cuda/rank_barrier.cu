// Waits until all ranks have come here, as a kernel of its own: what the kernels before it wrote to
// any rank's memory is visible to the kernels after it on all ranks. One block.
#include "rank_barrier.cuh"

extern "C" __global__ void __launch_bounds__(32)
    rank_barrier(const __grid_constant__ RankBarrierParams p) {
    meet_ranks(p.flags, p.rank, p.ranks);
}
KERNEL(rank_barrier)
