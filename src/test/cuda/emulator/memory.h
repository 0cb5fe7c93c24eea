// Memory of the emulated devices and pinned memory of the host.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <map>
#include <string>

#include "checks.h"

namespace emulator {

struct Allocation {
    uintptr_t start;
    size_t bytes;
    uintptr_t mapped; // whole pages around it
    size_t mapped_bytes;
};

// The memory of one device: a range of addresses that nothing else has. Each allocation lies in pages
// of its own between inaccessible ones and ends at most 255 bytes before the next, so that a kernel
// that goes beyond it faults; what of its pages it doesn't fill is a red zone. Addresses are never
// given twice, so stale ones fault too. Memory is filled with POISON when it is allocated.
//
// While no device that has access to it works, nor has just worked, all of it is inaccessible: then
// code of the host that takes its addresses for its own faults.
class DeviceMemory {
public:
    DeviceMemory() = default;
    ~DeviceMemory();
    DeviceMemory(const DeviceMemory&) = delete;

    // Returns the driver's error.
    int allocate(size_t bytes, bool backed, uintptr_t* start);
    int release(uintptr_t start);
    void release_all();

    // Begins and ends the work of somebody with access.
    void open();
    void close();

    // The allocation that holds the address, or null.
    const Allocation* find(uintptr_t address) const;

    // Whether the bytes lie inside one allocation.
    bool holds(uintptr_t address, size_t bytes) const;

    bool owns(uintptr_t address) const { return address - base_ < reserved_; }

    // Says which red zone was written to; empty when none was. The memory must be open.
    std::string damage() const;

    // Says where the address lies; empty when it isn't one of this device.
    std::string describe(uintptr_t address) const;

    size_t capacity = size_t(8) << 30;

    size_t used() const { return used_; }

    size_t peak() const { return peak_; }

    void reset_peak() { peak_ = used_; }

private:
    void reserve();
    void protect(const Allocation& allocation) const;
    void protect_all() const;
    static std::string damage(const Allocation& allocation);
    void unmap(const Allocation& allocation);

    uintptr_t base_ = 0;
    size_t reserved_ = 0;
    size_t next_ = 0;
    size_t used_ = 0;
    size_t peak_ = 0;
    int users_ = 0;
    std::map<uintptr_t, Allocation> allocations_; // by start
};

// Ranges of the host's memory that the driver has pinned.
class PinnedMemory {
public:
    void* allocate(size_t bytes);
    bool release(void* start);
    void add(void* start, size_t bytes) { ranges_[reinterpret_cast<uintptr_t>(start)] = {bytes, false}; }
    bool remove(void* start);
    bool holds(uintptr_t address, size_t bytes) const {
        return range_of(address).holds(address, bytes);
    }

    // The range that holds the address; an empty one if none does.
    AccessRange range_of(uintptr_t address) const;

private:
    struct Range {
        size_t bytes;
        bool own;
    };

    std::map<uintptr_t, Range> ranges_;
};

} // namespace emulator
