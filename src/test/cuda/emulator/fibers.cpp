#include "fibers.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

namespace emulator {

asm(R"(
.text
.hidden emulator_switch_stack
.globl emulator_switch_stack
.type emulator_switch_stack, @function
emulator_switch_stack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size emulator_switch_stack, .-emulator_switch_stack
)");

void* prepare_stack(char* stack, Thread* thread, void (*entry)()) {
    void** top = reinterpret_cast<void**>(stack + STACK_BYTES);
    *--top = thread;
    *--top = nullptr; // the ABI's alignment
    *--top = nullptr; // where `entry` would return to
    *--top = reinterpret_cast<void*>(entry);
    for (int i = 0; i < 6; i++) *--top = nullptr;
    return top;
}

namespace {

constexpr int STACKS_AT_ONCE = 64;
constexpr size_t MAPPED_BYTES = (STACKS_AT_ONCE + 1) * STACK_BYTES; // one more, to align the first

} // namespace

char* StackPool::take() {
    if (free_.empty()) grow();
    char* stack = free_.back();
    free_.pop_back();
    return stack;
}

StackPool::~StackPool() {
    for (void* mapped : mapped_) munmap(mapped, MAPPED_BYTES);
}

void StackPool::grow() {
    constexpr size_t guard = 4096;
    void* mapped = mmap(nullptr, MAPPED_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
        perror("emulator: stacks");
        abort();
    }
    mapped_.push_back(mapped);
    uintptr_t first = (reinterpret_cast<uintptr_t>(mapped) + STACK_BYTES - 1) & ~(STACK_BYTES - 1);
    for (int i = STACKS_AT_ONCE - 1; i >= 0; i--) {
        char* stack = reinterpret_cast<char*>(first + i * STACK_BYTES);
        mprotect(stack, guard, PROT_NONE);
        free_.push_back(stack);
    }
}

} // namespace emulator
