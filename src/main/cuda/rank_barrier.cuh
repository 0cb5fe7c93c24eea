// Where the ranks meet.
//
// Each rank has counters `flags` [MAX_BLOCKS][MAX_RANKS], zeroed once: entry (b, r) of rank q is how
// often block b of rank r has come to a meeting, written by rank r; where r = q, how often q's own
// block b has been through. They only ever grow (and wrap around), so that nothing is reset between
// launches or replays of a graph, and a rank that is one meeting ahead disturbs nobody. All ranks must
// launch the same kernels that meet, with the same grids, in the same order; blocks of a grid must all
// be resident, or those that wait keep the others out for ever.
#pragma once
#include "params.cuh"

// Waits until this block of every rank has come here. What the block and earlier kernels wrote, on
// any rank, is then visible to the block on all ranks. For all threads, of which there are at least
// MAX_RANKS.
__device__ inline void meet_ranks(uint32_t* const (&flags)[MAX_RANKS], int rank, int ranks) {
    const int peer = threadIdx.x;
    const int of_block = blockIdx.x * MAX_RANKS;
    const bool counts = peer < ranks;
    uint32_t meeting = 0;
    if (counts) meeting = flags[rank][of_block + rank] + 1;
    __syncthreads();
    if (counts && peer == rank) flags[rank][of_block + rank] = meeting;
    if (counts && peer != rank) {
        store_release_system(&flags[peer][of_block + rank], meeting);
        const uint32_t* arrived = &flags[rank][of_block + peer];
        while (static_cast<int32_t>(load_acquire_system(arrived) - meeting) < 0) spin_pause();
    }
    __syncthreads();
}
