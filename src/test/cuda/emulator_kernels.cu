// Kernels for the tests of the emulator: small ones that are right, and ones that each make one
// mistake which the emulator has to find.
#include "device.cuh"

struct SumParams {
    const float* in; // [blocks, threads]
    float* out;      // [blocks]
    int barrier;     // 0: leaves the barrier out
};

// Sums a block's numbers through shared memory.
extern "C" __global__ void block_sum(const __grid_constant__ SumParams p) {
    DYNAMIC_SHARED(float, values);
    values[threadIdx.x] = p.in[blockIdx.x * blockDim.x + threadIdx.x];
    if (p.barrier) __syncthreads();
    if (threadIdx.x == 0) {
        float sum = 0;
        for (int i = 0; i < static_cast<int>(blockDim.x); i++) sum += values[i];
        p.out[blockIdx.x] = sum;
    }
}
KERNEL(block_sum)

struct ProductParams {
    const bf16* a; // [16 * gridDim.x, k]
    const bf16* b; // [8, k]
    float* out;    // [16 * gridDim.x, 8]
    int k;
    int wait; // 0: leaves the wait for the copies out
};

// A warp a block multiplies through asynchronous copies, ldmatrix and mma.
extern "C" __global__ void tile_product(const __grid_constant__ ProductParams p) {
    __shared__ __align__(16) bf16 a_tile[16 * 16];
    __shared__ __align__(16) bf16 b_tile[8 * 16];
    int lane = lane_id();
    const bf16* a = p.a + static_cast<size_t>(blockIdx.x) * 16 * p.k;
    float d[4] = {};
    for (int k = 0; k < p.k; k += 16) {
        int row = lane / 2, column = lane % 2 * 8;
        cp_async_16(a_tile + row * 16 + column, a + static_cast<size_t>(row) * p.k + k + column);
        if (row < 8) {
            cp_async_16(b_tile + row * 16 + column, p.b + static_cast<size_t>(row) * p.k + k + column);
        }
        cp_async_commit();
        if (p.wait) cp_async_wait<0>();
        __syncthreads();
        uint32_t fa[4], fb[2];
        ldmatrix_x4(fa, a_tile + lane % 16 * 16 + lane / 16 * 8);
        ldmatrix_x2(fb, b_tile + lane % 8 * 16 + lane / 8 % 2 * 8);
        mma_bf16(d, fa, fb);
        __syncthreads();
    }
    float* out = p.out + blockIdx.x * 16 * 8;
    int g = lane / 4, t = lane % 4;
    out[g * 8 + 2 * t] = d[0];
    out[g * 8 + 2 * t + 1] = d[1];
    out[(g + 8) * 8 + 2 * t] = d[2];
    out[(g + 8) * 8 + 2 * t + 1] = d[3];
}
KERNEL(tile_product)
