// What the files that implement the driver's functions share.
#pragma once

#include <cuda.h>

#include "devices.h"

#define DRIVER_API extern "C" __attribute__((visibility("default")))

namespace emulator {

// The device whose primary context is current on this thread.
Device*& current_device();

// One call of the driver, made under the lock. `error` is set when it must not go on: nothing is
// initialised, the thread has no context, or the context has failed before.
class Call {
public:
    Call();

    std::unique_lock<std::mutex> lock;
    Device* device;
    CUresult error;
};

template <class T>
std::shared_ptr<T>* handle_of(std::shared_ptr<T> object) {
    auto* handle = new std::shared_ptr<T>(std::move(object));
    machine().handles.insert(handle);
    return handle;
}

inline bool is_live(const void* handle) { return machine().handles.count(handle) != 0; }

// The device of a context; null for a handle that isn't one.
Device* device_of(CUcontext context);

// The stream of a handle, null standing for the default one; null for a handle that isn't one.
std::shared_ptr<Stream> stream_of(Device& device, CUstream handle);

// Queues the command, or records it when the stream is captured.
CUresult submit(Stream& stream, std::shared_ptr<const Command> command);
CUresult submit_and_wait(Call& call, Stream& stream, std::shared_ptr<const Command> command);

// Whether the calling thread captures in a mode that forbids calls that allocate or wait. If so the
// capture becomes invalid.
bool forbidden_in_capture();

} // namespace emulator
