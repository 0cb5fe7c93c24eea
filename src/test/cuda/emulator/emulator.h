// What a kernel sees of the emulator: CUDA's names, on the host. device.cuh includes this file when a
// kernel is compiled by a host compiler.
//
// A CUDA thread is a fiber. It runs until it must wait for others: at a barrier, in an operation of
// its warp, in spin_pause(); then another fiber runs, in an order drawn from a seed. Nothing here
// runs two threads of a device at the same time, so plain loads and stores serve as atomics among
// them; several devices do run at the same time, so atomics are real ones.
#pragma once

#include <stdint.h>
#include <string.h>

#include <cmath>
#include <iterator>
#include <type_traits>
#include <utility>

#include <vector_functions.h>

#include <cuda_bf16.h>

#include "threads.h"

#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __constant__
#undef __forceinline__
#undef __noinline__
#undef __launch_bounds__
#undef __grid_constant__
#undef __align__
#define __global__ __attribute__((visibility("hidden")))
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))
// The emulator fills these with NaN before each block: a kernel library's thread-local variables are
// its shared variables and nothing else.
#define __shared__ static thread_local
#define __constant__ __attribute__((visibility("default")))

#ifndef __restrict__
#define __restrict__ __restrict
#endif

// For what touches memory that a kernel mustn't.
#define EMULATOR_UNCHECKED __attribute__((no_sanitize_address))

typedef __nv_bfloat16 bf16;

namespace emulator {

template <class T>
struct ShuffleOperands {
    T value;
    int source;
    T result;
};

template <class T>
EMULATOR_UNCHECKED void combine_shuffle(const Lanes& lanes) {
    for (int lane = 0; lane < WARP; lane++) {
        auto* own = static_cast<ShuffleOperands<T>*>(lanes.operands[lane]);
        if (own == nullptr) continue;
        auto* other = static_cast<ShuffleOperands<T>*>(lanes.operands[own->source]);
        if (other == nullptr) {
            fail(719, "lane %d shuffles from lane %d, which is not in the mask 0x%08x", lane,
                 own->source, lanes.mask);
        }
        own->result = other->value;
    }
}

template <class T>
T shuffle(uint32_t mask, T value, int source, const char* what, Site site) {
    ShuffleOperands<T> operands{value, source, value};
    warp_operation(mask, &operands, combine_shuffle<T>, what, site);
    return operands.result;
}

// First lane of this lane's segment of `width` lanes.
inline int segment(int width) {
    if (width <= 0 || width > WARP || (width & (width - 1)) != 0) {
        fail(719, "a shuffle's width is %d, not a power of two up to 32", width);
    }
    return self().lane() & ~(width - 1);
}

template <class T>
struct ReduceOperands {
    T value;
    T result;
};

template <class T, class Fold>
EMULATOR_UNCHECKED void combine_reduce(const Lanes& lanes) {
    bool first = true;
    T result{};
    for (void* each : lanes.operands) {
        if (each == nullptr) continue;
        T value = static_cast<ReduceOperands<T>*>(each)->value;
        result = first ? value : Fold()(result, value);
        first = false;
    }
    for (void* each : lanes.operands) {
        if (each != nullptr) static_cast<ReduceOperands<T>*>(each)->result = result;
    }
}

template <class Fold, class T>
T reduce(uint32_t mask, T value, const char* what, Site site) {
    ReduceOperands<T> operands{value, value};
    warp_operation(mask, &operands, combine_reduce<T, Fold>, what, site);
    return operands.result;
}

struct Sum {
    template <class T>
    T operator()(T a, T b) const {
        return static_cast<T>(a + b);
    }
};

struct Least {
    template <class T>
    T operator()(T a, T b) const {
        return b < a ? b : a;
    }
};

struct Greatest {
    template <class T>
    T operator()(T a, T b) const {
        return a < b ? b : a;
    }
};

struct Conjunction {
    template <class T>
    T operator()(T a, T b) const {
        return a & b;
    }
};

struct Disjunction {
    template <class T>
    T operator()(T a, T b) const {
        return a | b;
    }
};

struct ExclusiveDisjunction {
    template <class T>
    T operator()(T a, T b) const {
        return a ^ b;
    }
};

// Replaces *address by change(*address) in one step; returns what was there.
template <class T, class Change>
T atomically(T* address, Change change) {
    T old = *const_cast<volatile T*>(address); // checked, as the rest is not
    for (;;) {
        T next = change(old);
        if (__atomic_compare_exchange(address, &old, &next, true, __ATOMIC_RELAXED,
                                      __ATOMIC_RELAXED)) {
            return old;
        }
    }
}

// ---------------------------------------------------------------- registration of kernels

[[maybe_unused]] static thread_local char shared_variables_anchor;

template <class... P>
struct Registration {
    template <void (*function)(P...)>
    static void call(void* const* parameters) {
        call_with(function, parameters, std::index_sequence_for<P...>());
    }

    template <size_t... I>
    EMULATOR_UNCHECKED static void call_with(void (*function)(P...), void* const* parameters,
                          std::index_sequence<I...>) {
        function(*static_cast<const std::remove_cv_t<P>*>(parameters[I])...);
    }

    static constexpr size_t bytes[sizeof...(P) + 1] = {sizeof(P)..., 0};
};

template <class... P>
Registration<P...> registration_of(void (*)(P...));

#ifdef __SANITIZE_ADDRESS__
constexpr bool CHECKED = true;
#else
constexpr bool CHECKED = false;
#endif

template <auto function>
struct RegisteredKernel {
    using Kind = decltype(registration_of(function));

    explicit RegisteredKernel(const char* name, void* (*shared_variables)()) {
        register_kernel({name, Kind::template call<function>, std::size(Kind::bytes) - 1, Kind::bytes,
                         shared_variables, CHECKED});
    }
};

} // namespace emulator

#define KERNEL(name)                                                     \
    static emulator::RegisteredKernel<name> registered_kernel_##name(    \
        #name, [] { return (void*)&emulator::shared_variables_anchor; });

#define DYNAMIC_SHARED(type, name) \
    type* const name = reinterpret_cast<type*>(emulator::self().block->dynamic_shared)

#define threadIdx (emulator::self().index)
#define blockIdx (emulator::self().block->index)
#define blockDim (emulator::self().block->dimensions)
#define gridDim (emulator::self().block->grid)
#define warpSize 32

// Default arguments are evaluated where the function is called.
#define EMULATOR_SITE const char *file = __builtin_FILE(), int line = __builtin_LINE()

// ---------------------------------------------------------------- barriers and warps

inline void __syncthreads(EMULATOR_SITE) { emulator::block_barrier({file, line}); }

inline void __syncwarp(uint32_t mask = ~0u, EMULATOR_SITE) {
    emulator::warp_operation(mask, &mask, [](const emulator::Lanes&) {}, "__syncwarp", {file, line});
}

template <class T>
T __shfl_sync(uint32_t mask, T value, int source, int width = 32, EMULATOR_SITE) {
    int lane = emulator::segment(width) + (source & (width - 1));
    return emulator::shuffle(mask, value, lane, "__shfl_sync", {file, line});
}

template <class T>
T __shfl_xor_sync(uint32_t mask, T value, int lanes, int width = 32, EMULATOR_SITE) {
    int own = emulator::self().lane();
    int other = own ^ lanes;
    if (other >= emulator::segment(width) + width) other = own;
    return emulator::shuffle(mask, value, other, "__shfl_xor_sync", {file, line});
}

template <class T>
T __shfl_down_sync(uint32_t mask, T value, unsigned delta, int width = 32, EMULATOR_SITE) {
    int own = emulator::self().lane();
    unsigned other = own + delta;
    bool inside = other < static_cast<unsigned>(emulator::segment(width) + width);
    return emulator::shuffle(mask, value, inside ? static_cast<int>(other) : own, "__shfl_down_sync",
                             {file, line});
}

template <class T>
T __shfl_up_sync(uint32_t mask, T value, unsigned delta, int width = 32, EMULATOR_SITE) {
    int own = emulator::self().lane();
    int other = own - static_cast<int>(delta);
    if (other < emulator::segment(width)) other = own;
    return emulator::shuffle(mask, value, other, "__shfl_up_sync", {file, line});
}

inline uint32_t __ballot_sync(uint32_t mask, int predicate, EMULATOR_SITE) {
    uint32_t bit = predicate != 0 ? 1u << emulator::self().lane() : 0;
    return emulator::reduce<emulator::Disjunction>(mask, bit, "__ballot_sync", {file, line});
}

inline int __any_sync(uint32_t mask, int predicate, EMULATOR_SITE) {
    int value = predicate != 0;
    return emulator::reduce<emulator::Disjunction>(mask, value, "__any_sync", {file, line});
}

inline int __all_sync(uint32_t mask, int predicate, EMULATOR_SITE) {
    int value = predicate != 0;
    return emulator::reduce<emulator::Conjunction>(mask, value, "__all_sync", {file, line});
}

#define EMULATOR_REDUCE(name, fold)                                                  \
    inline unsigned name(uint32_t mask, unsigned value, EMULATOR_SITE) {             \
        return emulator::reduce<emulator::fold>(mask, value, #name, {file, line});   \
    }                                                                                \
    inline int name(uint32_t mask, int value, EMULATOR_SITE) {                       \
        return emulator::reduce<emulator::fold>(mask, value, #name, {file, line});   \
    }
EMULATOR_REDUCE(__reduce_add_sync, Sum)
EMULATOR_REDUCE(__reduce_min_sync, Least)
EMULATOR_REDUCE(__reduce_max_sync, Greatest)
EMULATOR_REDUCE(__reduce_and_sync, Conjunction)
EMULATOR_REDUCE(__reduce_or_sync, Disjunction)
EMULATOR_REDUCE(__reduce_xor_sync, ExclusiveDisjunction)
#undef EMULATOR_REDUCE

// There is no telling which lanes have converged: each is on its own.
inline uint32_t __activemask() { return 1u << emulator::self().lane(); }

inline int lane_id() { return emulator::self().lane(); }

inline int warp_id() { return emulator::self().warp(); }

// ---------------------------------------------------------------- atomics and memory

template <class T>
T atomicAdd(T* address, std::common_type_t<T> value) {
    return emulator::atomically(address, [=](T old) { return static_cast<T>(old + value); });
}

template <class T>
T atomicSub(T* address, std::common_type_t<T> value) {
    return emulator::atomically(address, [=](T old) { return static_cast<T>(old - value); });
}

template <class T>
T atomicMax(T* address, std::common_type_t<T> value) {
    return emulator::atomically(address, [=](T old) { return old < value ? value : old; });
}

template <class T>
T atomicMin(T* address, std::common_type_t<T> value) {
    return emulator::atomically(address, [=](T old) { return value < old ? value : old; });
}

template <class T>
T atomicOr(T* address, std::common_type_t<T> value) {
    return emulator::atomically(address, [=](T old) { return old | value; });
}

template <class T>
T atomicAnd(T* address, std::common_type_t<T> value) {
    return emulator::atomically(address, [=](T old) { return old & value; });
}

template <class T>
T atomicXor(T* address, std::common_type_t<T> value) {
    return emulator::atomically(address, [=](T old) { return old ^ value; });
}

template <class T>
T atomicExch(T* address, std::common_type_t<T> value) {
    return emulator::atomically(address, [=](T) { return value; });
}

template <class T>
T atomicCAS(T* address, std::common_type_t<T> expected, std::common_type_t<T> value) {
    return emulator::atomically(address, [=](T old) { return old == expected ? value : old; });
}

inline unsigned atomicInc(unsigned* address, unsigned limit) {
    return emulator::atomically(address, [=](unsigned old) { return old >= limit ? 0 : old + 1; });
}

template <class T>
T __ldg(const T* address) {
    return *address;
}

template <class T>
T __ldcg(const T* address) {
    return *address;
}

template <class T>
T __ldcs(const T* address) {
    return *address;
}

template <class T>
void __stcs(T* address, std::common_type_t<T> value) {
    *address = value;
}

template <class T>
void __stcg(T* address, std::common_type_t<T> value) {
    *address = value;
}

inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

inline void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

inline void store_release_system(uint32_t* address, uint32_t value) {
    __atomic_store_n(address, value, __ATOMIC_RELEASE);
}

inline uint32_t load_acquire_system(const uint32_t* address) {
    return __atomic_load_n(address, __ATOMIC_ACQUIRE);
}

inline void spin_pause(EMULATOR_SITE) { emulator::spin({file, line}); }

inline void __nanosleep(unsigned, EMULATOR_SITE) { emulator::spin({file, line}); }

// ---------------------------------------------------------------- tensor cores and copies

inline void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], EMULATOR_SITE) {
    emulator::MmaOperands operands{d, a, b};
    emulator::warp_operation(~0u, &operands, emulator::combine_mma, "mma_bf16", {file, line});
}

#define EMULATOR_LDMATRIX(name, count, transposed)                                            \
    inline void name(uint32_t (&r)[count], const void* row, EMULATOR_SITE) {                  \
        emulator::MatrixOperands operands{row, r, count, transposed};                         \
        emulator::warp_operation(~0u, &operands, emulator::combine_ldmatrix, #name, {file, line}); \
    }
EMULATOR_LDMATRIX(ldmatrix_x4, 4, false)
EMULATOR_LDMATRIX(ldmatrix_x4_trans, 4, true)
EMULATOR_LDMATRIX(ldmatrix_x2, 2, false)
EMULATOR_LDMATRIX(ldmatrix_x2_trans, 2, true)
#undef EMULATOR_LDMATRIX

inline void cp_async_16(void* shared, const void* global) {
    emulator::copy_async(shared, global, true);
}

inline void cp_async_16_zfill(void* shared, const void* global, bool valid) {
    emulator::copy_async(shared, global, valid);
}

inline void cp_async_commit() { emulator::commit_copies(); }

template <int N>
void cp_async_wait() {
    emulator::wait_for_copies(N);
}

inline uint4 load_streaming_16(const void* global) {
    if (reinterpret_cast<uintptr_t>(global) % 16 != 0) {
        emulator::fail(716, "load_streaming_16 from %p, which is not a multiple of 16", global);
    }
    uint4 value;
    memcpy(&value, global, sizeof value);
    return value;
}

// ---------------------------------------------------------------- arithmetic

using std::isfinite;
using std::isinf;
using std::isnan;

template <class A, class B>
constexpr std::common_type_t<A, B> min(A a, B b) {
    std::common_type_t<A, B> x = a, y = b;
    if constexpr (std::is_floating_point_v<decltype(x)>) return std::fmin(x, y);
    return y < x ? y : x;
}

template <class A, class B>
constexpr std::common_type_t<A, B> max(A a, B b) {
    std::common_type_t<A, B> x = a, y = b;
    if constexpr (std::is_floating_point_v<decltype(x)>) return std::fmax(x, y);
    return x < y ? y : x;
}

template <class To, class From>
To emulator_bits(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}

inline unsigned __float_as_uint(float x) { return emulator_bits<unsigned>(x); }

inline int __float_as_int(float x) { return emulator_bits<int>(x); }

inline float __uint_as_float(unsigned x) { return emulator_bits<float>(x); }

inline float __int_as_float(int x) { return emulator_bits<float>(x); }

inline long long __double_as_longlong(double x) { return emulator_bits<long long>(x); }

inline double __longlong_as_double(long long x) { return emulator_bits<double>(x); }

inline int __popc(unsigned x) { return __builtin_popcount(x); }

inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }

inline int __ffs(int x) { return __builtin_ffs(x); }

inline int __ffsll(long long x) { return __builtin_ffsll(x); }

inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }

inline int __clzll(long long x) {
    return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x));
}

inline unsigned __brev(unsigned x) {
    unsigned y = 0;
    for (int i = 0; i < 32; i++) y |= (x >> i & 1) << (31 - i);
    return y;
}

inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>(static_cast<unsigned long long>(a) * b >> 32);
}

inline int __mulhi(int a, int b) { return static_cast<int>(static_cast<long long>(a) * b >> 32); }

inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}

// Selects bytes of the eight of (b, a) by the nibbles of `selector`.
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
    unsigned long long bytes = static_cast<unsigned long long>(b) << 32 | a;
    unsigned result = 0;
    for (int i = 0; i < 4; i++) {
        unsigned nibble = selector >> 4 * i & 15;
        unsigned byte = bytes >> 8 * (nibble & 7) & 255;
        if (nibble & 8) byte = byte & 128 ? 255 : 0;
        result |= byte << 8 * i;
    }
    return result;
}

inline float __expf(float x) { return expf(x); }

inline float __logf(float x) { return logf(x); }

inline float __log2f(float x) { return log2f(x); }

inline float __powf(float x, float y) { return powf(x, y); }

inline float __sinf(float x) { return sinf(x); }

inline float __cosf(float x) { return cosf(x); }

inline void __sincosf(float x, float* s, float* c) {
    *s = sinf(x);
    *c = cosf(x);
}

inline float __fdividef(float a, float b) { return a / b; }

inline float __frcp_rn(float x) { return 1.0f / x; }

inline float __fsqrt_rn(float x) { return sqrtf(x); }

inline float __fadd_rn(float a, float b) { return a + b; }

inline float __fsub_rn(float a, float b) { return a - b; }

inline float __fmul_rn(float a, float b) { return a * b; }

inline float __fdiv_rn(float a, float b) { return a / b; }

inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }

inline double __dadd_rn(double a, double b) { return a + b; }

inline double __dmul_rn(double a, double b) { return a * b; }

inline float __saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }

inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }

inline double rsqrt(double x) { return 1.0 / sqrt(x); }

inline int __float2int_rn(float x) { return static_cast<int>(nearbyintf(x)); }

inline int __float2int_rz(float x) { return static_cast<int>(x); }

inline int __float2int_rd(float x) { return static_cast<int>(floorf(x)); }

inline unsigned __float2uint_rz(float x) { return static_cast<unsigned>(x); }

inline unsigned __float2uint_rn(float x) { return static_cast<unsigned>(nearbyintf(x)); }

inline long long __float2ll_rn(float x) { return static_cast<long long>(nearbyintf(x)); }

inline unsigned long long __float2ull_rz(float x) { return static_cast<unsigned long long>(x); }

inline float __int2float_rn(int x) { return static_cast<float>(x); }

inline float __uint2float_rn(unsigned x) { return static_cast<float>(x); }

inline float __ull2float_rn(unsigned long long x) { return static_cast<float>(x); }

#undef EMULATOR_SITE
