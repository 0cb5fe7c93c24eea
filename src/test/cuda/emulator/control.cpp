// What tests set and read. Names begin with emu_; all but emu_reset may be called at any time.
#include "driver.h"

using namespace emulator;

namespace {

using Lock = std::lock_guard<std::mutex>;

Device* device_at(int ordinal) {
    auto& devices = machine().devices;
    return ordinal < 0 || ordinal >= int(devices.size()) ? nullptr : devices[size_t(ordinal)].get();
}

} // namespace

// Starts anew with so many devices with so much memory each, and settings as they are without
// environment variables. Nothing of what was there before may be used again.
DRIVER_API void emu_reset(int devices, size_t memory_bytes) {
    Lock lock(machine().mutex);
    Machine& all = machine();
    std::string kernels = all.settings.kernels;
    all.settings = Settings();
    all.settings.kernels = kernels;
    all.last_failure.clear();
    all.handles.clear();
    all.captures.clear();
    all.set_devices(devices, memory_bytes);
    install_fault_handler();
    all.initialised = true;
}

// 0: threads in order, copies as late as possible; others draw.
DRIVER_API void emu_set_seed(uint64_t seed) {
    Lock lock(machine().mutex);
    machine().settings.seed = seed;
}

DRIVER_API void emu_set_stub(int stub) {
    Lock lock(machine().mutex);
    machine().settings.stub = stub != 0;
}

DRIVER_API void emu_set_multiprocessors(int count) {
    Lock lock(machine().mutex);
    machine().settings.multiprocessors = count;
}

// How long threads may spin before their launch fails.
DRIVER_API void emu_set_spin_limit(int milliseconds) {
    Lock lock(machine().mutex);
    machine().settings.spin_limit = std::chrono::milliseconds(milliseconds);
}

// The library that modules loaded from now on have their kernels from.
DRIVER_API void emu_set_kernels(const char* path) {
    Lock lock(machine().mutex);
    machine().settings.kernels = path;
}

// Adds faults, see parse_faults; null removes all. Returns 0 when the text can't be read.
DRIVER_API int emu_set_faults(const char* text) {
    Lock lock(machine().mutex);
    if (text == nullptr) {
        machine().settings.faults.clear();
        return 1;
    }
    return parse_faults(text, &machine().settings.faults);
}

DRIVER_API uint64_t emu_allocated_bytes(int device) {
    Lock lock(machine().mutex);
    return device_at(device) == nullptr ? 0 : device_at(device)->memory.used();
}

DRIVER_API uint64_t emu_peak_bytes(int device) {
    Lock lock(machine().mutex);
    return device_at(device) == nullptr ? 0 : device_at(device)->memory.peak();
}

DRIVER_API uint64_t emu_allocations(int device) {
    Lock lock(machine().mutex);
    return device_at(device) == nullptr ? 0 : device_at(device)->allocations;
}

DRIVER_API uint64_t emu_launches(int device) {
    Lock lock(machine().mutex);
    return device_at(device) == nullptr ? 0 : device_at(device)->launches;
}

// The message of the last failure, in full or as much as fits; returns its length.
DRIVER_API int emu_last_failure(char* text, int length) {
    Lock lock(machine().mutex);
    const std::string& failure = machine().last_failure;
    if (length > 0) snprintf(text, size_t(length), "%s", failure.c_str());
    return int(failure.size());
}
