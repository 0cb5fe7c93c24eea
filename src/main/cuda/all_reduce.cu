// Adds to the residual the partial sums of all ranks, in rank order, in float, and makes what the next
// projection reads. Each rank keeps the whole residual, so each does this for all tokens; the grid is
// the same on all ranks and any size.
//
// One-shot: every rank reads all partials of its peers. One meeting, little latency, but the traffic of
// a rank grows with the number of ranks. Two-shot: every rank sums its slice of the elements into
// `reduced`, and reads the slices of its peers after a second meeting. Either way an element is
// ((p0 + p1) + p2) + ... and then residual + that: the same bits.
//
// A block of the first meeting that has seen a peer's block arrive knows that the peer's projection,
// a kernel before this, is complete. Nothing tells a rank that its peers are done reading: the
// partials of two all-reduces that follow each other must lie in different buffers. Then the meeting
// of the second says that all have finished the first, and its buffer is free again.
#include "rank_barrier.cuh"
#include "residual.cuh"

constexpr int ALL_REDUCE_THREADS = 512; // at most; a multiple of 32

// Four elements a thread, a SQUARES_GROUP to four neighbours: never split among blocks or slices.
constexpr int QUADS_PER_GROUP = SQUARES_GROUP / 4;

__device__ inline uint32_t count_quads(const AllReduceParams& p) {
    return static_cast<uint32_t>(p.step.counts->tokens) * static_cast<uint32_t>(p.out.hidden / 4);
}

__device__ inline float4 add(float4 a, float4 b) {
    return {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w};
}

// The sum over ranks; all loads are under way before the first sum.
__device__ inline float4 sum_partials(const AllReduceParams& p, uint32_t quad) {
    float4 partials[MAX_RANKS];
#pragma unroll
    for (int r = 0; r < MAX_RANKS; r++) {
        if (r < p.ranks) partials[r] = reinterpret_cast<const float4*>(p.partials[r])[quad];
    }
    float4 sum = partials[0];
#pragma unroll
    for (int r = 1; r < MAX_RANKS; r++) {
        if (r < p.ranks) sum = add(sum, partials[r]);
    }
    return sum;
}

__device__ inline void add_to_residual(const AllReduceParams& p, uint32_t quad, float4 sum) {
    const float4 residual = reinterpret_cast<const float4*>(p.out.values)[quad];
    store_residual(p.out, p.norm, quad, add(residual, sum));
}

__device__ inline void reduce_one_shot(const AllReduceParams& p) {
    meet_ranks(p.flags, p.rank, p.ranks);
    const uint32_t quads = count_quads(p);
    const uint32_t step = gridDim.x * blockDim.x;
    for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < quads; i += step) {
        add_to_residual(p, i, sum_partials(p, i));
    }
}

// A block reads of its peers' slices what their blocks of the same index have summed.
__device__ inline void reduce_two_shot(const AllReduceParams& p) {
    meet_ranks(p.flags, p.rank, p.ranks);
    const uint32_t quads = count_quads(p);
    const uint32_t groups = quads / QUADS_PER_GROUP;
    const uint32_t ranks = p.ranks;
    const uint32_t slice = (groups + ranks - 1) / ranks * QUADS_PER_GROUP;
    const uint32_t first = blockIdx.x * blockDim.x + threadIdx.x;
    const uint32_t step = gridDim.x * blockDim.x;
    float4* own = reinterpret_cast<float4*>(p.reduced[p.rank]);
    for (uint32_t i = first; i < slice && p.rank * slice + i < quads; i += step) {
        own[i] = sum_partials(p, p.rank * slice + i);
    }
    meet_ranks(p.flags, p.rank, p.ranks);
    for (int k = 0; k < p.ranks; k++) {
        const int peer = (p.rank + k) % p.ranks; // not all from the same one at the same time
        const float4* sums = reinterpret_cast<const float4*>(p.reduced[peer]);
        for (uint32_t i = first; i < slice && peer * slice + i < quads; i += step) {
            add_to_residual(p, peer * slice + i, sums[i]);
        }
    }
}

// Below these sizes the latency of a second meeting is more than what it saves: thresholds of vLLM's
// custom all-reduce.
__device__ inline bool is_small(const AllReduceParams& p) {
    constexpr size_t KIB = 1024;
    const size_t bytes = count_quads(p) * sizeof(float4);
    return p.ranks <= 2 || bytes < (p.ranks <= 4 ? 512 * KIB : 256 * KIB);
}

extern "C" __global__ void __launch_bounds__(ALL_REDUCE_THREADS)
    all_reduce_one_shot(const __grid_constant__ AllReduceParams p) {
    reduce_one_shot(p);
}
KERNEL(all_reduce_one_shot)

extern "C" __global__ void __launch_bounds__(ALL_REDUCE_THREADS)
    all_reduce_two_shot(const __grid_constant__ AllReduceParams p) {
    reduce_two_shot(p);
}
KERNEL(all_reduce_two_shot)

// The one of both that suits the step's size.
extern "C" __global__ void __launch_bounds__(ALL_REDUCE_THREADS)
    all_reduce(const __grid_constant__ AllReduceParams p) {
    if (is_small(p)) {
        reduce_one_shot(p);
    } else {
        reduce_two_shot(p);
    }
}
KERNEL(all_reduce)
