// A thread of a kernel, its block, and what kernels call of the emulator.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <vector_types.h>

#define EMULATOR_API __attribute__((visibility("default")))

namespace emulator {

constexpr int WARP = 32;

struct Block;

// Where in the source a thread waits.
struct Site {
    const char* file;
    int line;
};

struct Thread {
    uint3 index;
    int linear; // position in the block
    Block* block;

    int lane() const { return linear % WARP; }

    int warp() const { return linear / WARP; }
};

struct Block {
    uint3 index;
    dim3 dimensions;
    dim3 grid;
    unsigned char* dynamic_shared;
};

// Fibers' stacks are aligned to their size; the last word of each points to its thread.
constexpr uintptr_t STACK_BYTES = 64 * 1024;

inline Thread& self() {
    uintptr_t stack_pointer;
    asm("movq %%rsp, %0" : "=r"(stack_pointer));
    return **reinterpret_cast<Thread**>((stack_pointer | (STACK_BYTES - 1)) + 1 - sizeof(Thread*));
}

// Ends the launch with an error of the driver and a message.
[[noreturn]] EMULATOR_API void fail(int error, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

EMULATOR_API void block_barrier(Site site);

// The operands of the lanes of one warp operation, by lane; null for those not in the mask.
struct Lanes {
    uint32_t mask;
    void* operands[WARP];
};

// Waits until all lanes of the mask have come here with the same `combine`; the last one to come
// runs it, then all go on. `what` names the operation in messages.
EMULATOR_API void warp_operation(uint32_t mask, void* operands, void (*combine)(const Lanes&),
                                 const char* what, Site site);

// Lets others run: other threads, other blocks, other devices.
EMULATOR_API void spin(Site site);

EMULATOR_API void copy_async(void* shared, const void* global, bool valid);
EMULATOR_API void commit_copies();
EMULATOR_API void wait_for_copies(int groups_left);
EMULATOR_API bool is_shared(const void* address, size_t bytes);

struct MmaOperands {
    float* d;
    const uint32_t* a;
    const uint32_t* b;
};

EMULATOR_API void combine_mma(const Lanes& lanes);

struct MatrixOperands {
    const void* row;
    uint32_t* result;
    int count;
    bool transposed;
};

EMULATOR_API void combine_ldmatrix(const Lanes& lanes);

struct KernelDescription {
    const char* name;
    void (*call)(void* const* parameters);
    size_t parameters;
    const size_t* parameter_bytes;
    void* (*shared_variables)(); // an address among this thread's copy of them
    bool checked;                // compiled so that the emulator looks at each access
};

EMULATOR_API void register_kernel(const KernelDescription& kernel);

} // namespace emulator
