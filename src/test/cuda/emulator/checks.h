// Which memory a kernel may access.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace emulator {

struct AccessRange {
    uintptr_t start = 0;
    uintptr_t end = 0;

    bool holds(uintptr_t address, size_t bytes) const { return address >= start && address + bytes <= end; }
};

// Remembers allocations that a kernel has accessed.
class AccessCache {
public:
    // Whether the bytes lie in one allocation that code of the device may access.
    bool holds(uintptr_t address, size_t bytes, int device);
    void clear();

private:
    static constexpr size_t SIZE = 64;

    AccessRange ranges_[SIZE];
};

// Fails the launch if the running thread mustn't access the bytes.
void check_access(uintptr_t address, size_t bytes, bool writes);

} // namespace emulator
