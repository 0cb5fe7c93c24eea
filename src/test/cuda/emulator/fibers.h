// Stacks of the emulator's threads and the switch between them.
#pragma once

#include <stddef.h>

#include <vector>

#include "threads.h"

namespace emulator {

// Saves the registers that a call preserves on the running stack, stores its stack pointer to *left
// and goes on where `entered` was left. Much cheaper than swapcontext, which calls the kernel to
// save the signal mask.
extern "C" void emulator_switch_stack(void** left, void* entered)
    __attribute__((visibility("hidden")));

// Writes to a fresh stack what makes a switch to it call `entry`; returns its stack pointer.
// The stack's last word points to the thread, see self().
void* prepare_stack(char* stack, Thread* thread, void (*entry)());

// Stacks of STACK_BYTES, aligned to their size, the lowest page of each inaccessible, so that a stack
// that overflows faults.
class StackPool {
public:
    StackPool() = default;
    ~StackPool();
    StackPool(const StackPool&) = delete;
    char* take();
    void give_back(char* stack) { free_.push_back(stack); }

private:
    void grow();

    std::vector<char*> free_;
    std::vector<void*> mapped_;
};

} // namespace emulator
