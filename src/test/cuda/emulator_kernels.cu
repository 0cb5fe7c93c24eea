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

struct MistakeParams {
    int* data;
    int* other;
    int kind;
    int value;
};

__device__ __noinline__ int overflow_stack(int value) {
    volatile char large[200 * 1024];
    for (int i = 0; i < 200 * 1024; i += 512) large[i] = static_cast<char>(i + value);
    return large[512];
}

// Each kind does one thing that a kernel mustn't.
extern "C" __global__ void mistake(const __grid_constant__ MistakeParams p) {
    DYNAMIC_SHARED(int, shared);
    __shared__ int* shared_pointers[32];
    int thread = static_cast<int>(threadIdx.x);
    uint32_t matrix[4];
    switch (p.kind) {
        case 0: // nothing
            if (p.data != nullptr) p.data[thread] = p.value;
            break;
        case 1: // a barrier that half of the threads go past
            if (thread < 16) __syncthreads();
            break;
        case 2: // threads at two barriers
            if (thread < 16) {
                __syncthreads();
            } else {
                __syncthreads();
            }
            break;
        case 3: // writes as many elements beyond the allocation as asked for
            if (thread == 0) p.data[p.value] = 1;
            break;
        case 4: // rows of matrices that are not aligned
            ldmatrix_x4(matrix, reinterpret_cast<char*>(shared) + 8 + thread * 16);
            if (matrix[0] == 1) p.data[0] = 1;
            break;
        case 5: // a matrix that isn't in shared memory
            ldmatrix_x4(matrix, p.data);
            if (matrix[0] == 1) p.data[0] = 1;
            break;
        case 6: // a shuffle that half of a warp never comes to
            if (thread < 16) p.data[thread] = __shfl_xor_sync(~0u, thread, 1);
            break;
        case 7: // a shuffle from a lane that isn't in the mask
            if (thread < 16) p.data[thread] = __shfl_sync(0xFFFFu, thread, 20);
            break;
        case 8: // dynamic shared memory beyond what was asked for
            shared[p.value] = 1;
            break;
        case 9:
            p.data[0] = overflow_stack(p.value);
            break;
        case 10: // waits for a thread that never comes
            if (thread == 0) {
                while (load_acquire_system(reinterpret_cast<uint32_t*>(p.data)) != 12345) spin_pause();
            }
            break;
        case 11: // an asynchronous copy that is not aligned
            cp_async_16(shared, p.data + 1);
            break;
        case 12: // lanes of a warp at different operations
            if (thread < 16) {
                __syncwarp();
            } else {
                p.data[thread] = __shfl_sync(~0u, thread, 0);
            }
            break;
        case 13: // divides by zero
            p.data[0] = 7 / p.value;
            break;
        case 14: // reads shared memory that nobody has written
            p.data[thread] = shared[thread];
            break;
        case 15: // reads as many elements beyond the allocation as asked for
            if (thread == 0) p.data[0] = p.data[p.value];
            break;
        case 16: { // memory of another thread
            int own = thread;
            shared_pointers[thread] = &own;
            __syncthreads();
            p.data[thread] = *shared_pointers[thread ^ 1];
            break;
        }
        case 18: // runs for ever
            for (volatile int turns = 0; turns >= 0;) turns = 1;
            break;
        case 17: // a vector that isn't aligned
            if (thread == 0) *reinterpret_cast<int4*>(p.data + 1) = int4{1, 2, 3, 4};
            break;
    }
}
KERNEL(mistake)

// Reads static shared variables that nobody has written in this block.
extern "C" __global__ void unwritten_shared(const __grid_constant__ MistakeParams p) {
    __shared__ int values[32];
    p.data[blockIdx.x * 32 + threadIdx.x] = values[threadIdx.x];
    values[threadIdx.x] = 7;
}
KERNEL(unwritten_shared)

struct WarpParams {
    int* out; // [operations, 32]
};

// What warp operations give, with masks and widths.
extern "C" __global__ void warp_operations(const __grid_constant__ WarpParams p) {
    int lane = lane_id();
    p.out[lane] = __shfl_xor_sync(~0u, lane, 5);
    p.out[32 + lane] = __shfl_down_sync(~0u, lane, 3, 8);
    p.out[64 + lane] = __shfl_up_sync(~0u, lane, 2, 16);
    p.out[96 + lane] = __shfl_sync(~0u, lane, 3, 8);
    p.out[128 + lane] = static_cast<int>(__ballot_sync(~0u, lane % 3 == 0));
    uint32_t half = lane < 16 ? 0x0000FFFFu : 0xFFFF0000u;
    p.out[160 + lane] = __reduce_add_sync(half, lane);
    p.out[192 + lane] = __any_sync(half, lane == 20);
    p.out[224 + lane] = __all_sync(half, lane >= 16);
    uint64_t wide = __shfl_sync(~0u, static_cast<uint64_t>(lane) << 40, 9);
    p.out[256 + lane] = static_cast<int>(wide >> 40);
}
KERNEL(warp_operations)

struct CountParams {
    int* counters;
    float* sum;
};

extern "C" __global__ void count(const __grid_constant__ CountParams p) {
    int thread = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    atomicAdd(&p.counters[0], 1);
    atomicMax(&p.counters[1], thread);
    atomicOr(&p.counters[2], 1 << (thread & 7));
    if (atomicCAS(&p.counters[3], 0, 1) == 0) atomicExch(&p.counters[4], 99);
    atomicAdd(p.sum, 0.5f);
}
KERNEL(count)

struct MeetParams {
    uint32_t* own;        // counters, one a block
    const uint32_t* peer;
    int* out;
};

// Blocks of two kernels meet: each raises its counter and waits for its peer's.
extern "C" __global__ void meet(const __grid_constant__ MeetParams p) {
    __shared__ int seen;
    if (threadIdx.x == 0) {
        seen = static_cast<int>(blockIdx.x) + 1;
        store_release_system(p.own + blockIdx.x, 1);
        while (load_acquire_system(p.peer + blockIdx.x) != 1) spin_pause();
    }
    __syncthreads();
    if (threadIdx.x == 1) p.out[blockIdx.x] = seen;
}
KERNEL(meet)

struct GridParams {
    uint32_t* arrived;
    int* out;
};

// All blocks of a grid meet.
extern "C" __global__ void grid_barrier(const __grid_constant__ GridParams p) {
    __shared__ int own;
    if (threadIdx.x == 0) {
        own = static_cast<int>(blockIdx.x);
        atomicAdd(p.arrived, 1u);
        while (load_acquire_system(p.arrived) != gridDim.x) spin_pause();
    }
    __syncthreads();
    if (threadIdx.x == 1) p.out[blockIdx.x] = own;
}
KERNEL(grid_barrier)

struct AppendParams {
    int* list; // [0] is the length
    int value;
};

// Appends a number to a list.
extern "C" __global__ void append(const __grid_constant__ AppendParams p) {
    p.list[++p.list[0]] = p.value;
}
KERNEL(append)

struct AddParams {
    float* out;
    const float* in;
    int n;
    float add;
};

extern "C" __global__ void add(const __grid_constant__ AddParams p) {
    int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < p.n) p.out[i] = p.in[i] + p.add;
}
KERNEL(add)

// Several parameters instead of one block.
extern "C" __global__ void three_parameters(int* out, int a, double b) {
    out[threadIdx.x] = a + static_cast<int>(b);
}
KERNEL(three_parameters)
