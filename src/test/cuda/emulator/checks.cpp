// What the compiler calls in kernels that are compiled with -fsanitize=alignment and
// -fsanitize=kernel-address: a GPU faults at addresses that a host forgives.
#include "checks.h"

#include "devices.h"

namespace emulator {

namespace {

// Finds who may be accessed at the address, with the lock that the memory's owners need.
AccessRange accessible(uintptr_t address, int device) {
    Machine& all = machine();
    std::lock_guard<std::mutex> lock(all.mutex);
    const Device& own = *all.devices[size_t(device)];
    if (const Device* owner = all.device_of(address)) {
        const Allocation* allocation = owner->memory.find(address);
        if (allocation == nullptr || !own.reaches(*owner)) return {};
        return {allocation->start, allocation->start + allocation->bytes};
    }
    return all.pinned.range_of(address);
}

} // namespace

bool AccessCache::holds(uintptr_t address, size_t bytes, int device) {
    AccessRange& entry = ranges_[address >> 16 & (SIZE - 1)];
    if (entry.holds(address, bytes)) return true;
    entry = accessible(address, device);
    return entry.holds(address, bytes);
}

void AccessCache::clear() {
    for (AccessRange& range : ranges_) range = {};
}

} // namespace emulator

using namespace emulator;

// ---------------------------------------------------------------- alignment

namespace {

struct SourceLocation {
    const char* file;
    uint32_t line;
    uint32_t column;
};

// As the compiler lays it out.
struct TypeMismatch {
    SourceLocation location;
    const void* type;
    unsigned char alignment_bits;
    unsigned char kind;
};

} // namespace

extern "C" EMULATOR_API void __ubsan_handle_type_mismatch_v1(const TypeMismatch* mismatch,
                                                             uintptr_t address) {
    const char* slash = strrchr(mismatch->location.file, '/');
    fail(716, "%s:%u uses %p as the address of something that must be aligned to %d bytes",
         slash == nullptr ? mismatch->location.file : slash + 1, mismatch->location.line,
         reinterpret_cast<void*>(address), 1 << mismatch->alignment_bits);
}

// ---------------------------------------------------------------- accesses

#define CHECK_ACCESS(bytes)                                                            \
    extern "C" EMULATOR_API void __asan_load##bytes##_noabort(uintptr_t address) {     \
        check_access(address, bytes, false);                                           \
    }                                                                                  \
    extern "C" EMULATOR_API void __asan_store##bytes##_noabort(uintptr_t address) {    \
        check_access(address, bytes, true);                                            \
    }
CHECK_ACCESS(1)
CHECK_ACCESS(2)
CHECK_ACCESS(4)
CHECK_ACCESS(8)
CHECK_ACCESS(16)

extern "C" EMULATOR_API void __asan_loadN_noabort(uintptr_t address, size_t bytes) {
    check_access(address, bytes, false);
}

extern "C" EMULATOR_API void __asan_storeN_noabort(uintptr_t address, size_t bytes) {
    check_access(address, bytes, true);
}

extern "C" EMULATOR_API void __asan_handle_no_return() {}

extern "C" EMULATOR_API void __asan_before_dynamic_init(const char*) {}

extern "C" EMULATOR_API void __asan_after_dynamic_init() {}
