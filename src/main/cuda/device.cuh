// The primitives that the kernels are written with. Compiled by nvcc they are PTX; compiled by a
// host compiler they are those of the emulator, with the same meaning, so that the same kernels run
// on a machine without a GPU (src/test/cuda/emulator).
//
// A kernel takes its parameters by value and is made known by KERNEL:
//
//     extern "C" __global__ void __launch_bounds__(256) scale(const __grid_constant__ ScaleParams p) {
//         DYNAMIC_SHARED(float, tile);
//         ...
//     }
//     KERNEL(scale)
#pragma once

#include <stdint.h>

#ifndef __CUDACC__

#include "emulator.h"

#else

#include <cuda_bf16.h>

typedef __nv_bfloat16 bf16;

// Registers a kernel with the emulator.
#define KERNEL(name)

// Names the block's dynamic shared memory, aligned to 128 bytes.
#define DYNAMIC_SHARED(type, name)                                       \
    extern __shared__ __align__(128) unsigned char dynamic_shared_bytes[]; \
    type* const name = reinterpret_cast<type*>(dynamic_shared_bytes)

// The thread's position in its warp, and its warp's in the block; blocks are one-dimensional here.
__device__ __forceinline__ int lane_id() { return threadIdx.x & 31; }

__device__ __forceinline__ int warp_id() { return threadIdx.x >> 5; }

__device__ __forceinline__ uint32_t shared_address(const void* shared) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(shared));
}

// d += a . b with a [16, 16] and b [16, 8]; the fragments are those of mma.m16n8k16: with g = lane / 4
// and t = lane % 4, a0 = (g, 2t..), a1 = (g + 8, 2t..), a2 = (g, 2t + 8..), a3 = (g + 8, 2t + 8..);
// b0 = (2t.., g), b1 = (2t + 8.., g); d0, d1 = (g, 2t..), d2, d3 = (g + 8, 2t..).
__device__ __forceinline__ void mma_bf16(float (&d)[4], const uint32_t (&a)[4],
                                         const uint32_t (&b)[2]) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Loads 8x8 matrices of 16-bit elements: lane 8i + r names the 16-byte row r of matrix i in shared
// memory (lanes beyond the last matrix name anything valid); r[i] is elements (lane / 4, 2 (lane % 4)..)
// of matrix i, or of its transpose.
__device__ __forceinline__ void ldmatrix_x4(uint32_t (&r)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

__device__ __forceinline__ void ldmatrix_x4_trans(uint32_t (&r)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row))
                 : "memory");
}

__device__ __forceinline__ void ldmatrix_x2(uint32_t (&r)[2], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(shared_address(row))
                 : "memory");
}

__device__ __forceinline__ void ldmatrix_x2_trans(uint32_t (&r)[2], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(shared_address(row))
                 : "memory");
}

// Starts copying 16 bytes from global to shared memory, both aligned to 16; the copy belongs to the
// group that the thread's next cp_async_commit ends.
__device__ __forceinline__ void cp_async_16(void* shared, const void* global) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(shared)),
                 "l"(__cvta_generic_to_global(global))
                 : "memory");
}

// The same, or writes zeros without reading `global` where that isn't valid.
__device__ __forceinline__ void cp_async_16_zfill(void* shared, const void* global, bool valid) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
                 "l"(__cvta_generic_to_global(global)), "r"(valid ? 16 : 0)
                 : "memory");
}

__device__ __forceinline__ void cp_async_commit() {
    asm volatile("cp.async.commit_group;" ::: "memory");
}

// Waits until at most N of this thread's groups are still on their way. Other threads see the copies
// after a barrier.
template <int N>
__device__ __forceinline__ void cp_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

// Loads 16 bytes that nobody writes during the kernel and that aren't worth caching.
__device__ __forceinline__ uint4 load_streaming_16(const void* global) {
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(__cvta_generic_to_global(global)));
    return v;
}

// Counters that blocks of several devices meet at.
__device__ __forceinline__ void store_release_system(uint32_t* address, uint32_t value) {
    asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(__cvta_generic_to_global(address)),
                 "r"(value)
                 : "memory");
}

__device__ __forceinline__ uint32_t load_acquire_system(const uint32_t* address) {
    uint32_t value;
    asm volatile("ld.acquire.sys.global.u32 %0, [%1];"
                 : "=r"(value)
                 : "l"(__cvta_generic_to_global(address))
                 : "memory");
    return value;
}

// To be called in every loop that waits for another block or device.
__device__ __forceinline__ void spin_pause() { __nanosleep(20); }

#endif
