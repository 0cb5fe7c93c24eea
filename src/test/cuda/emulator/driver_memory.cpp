// Memory of devices and hosts, copies and fills.
#include "driver.h"

using namespace emulator;

// ---------------------------------------------------------------- allocation

DRIVER_API CUresult cuMemAlloc_v2(CUdeviceptr* pointer, size_t bytes) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (forbidden_in_capture()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    Device& device = *call.device;
    device.allocations++;
    for (const Fault& fault : machine().settings.faults) {
        if (fault.kind == Fault::OUT_OF_MEMORY && fault.device == device.ordinal &&
            fault.at == device.allocations) {
            return CUDA_ERROR_OUT_OF_MEMORY;
        }
    }
    uintptr_t start = 0;
    CUresult result = CUresult(device.memory.allocate(bytes, !machine().settings.stub, &start));
    if (result == CUDA_SUCCESS) *pointer = start;
    return result;
}

DRIVER_API CUresult cuMemFree_v2(CUdeviceptr pointer) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (forbidden_in_capture()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (pointer == 0) return CUDA_SUCCESS;
    Device* owner = machine().device_of(pointer);
    if (owner == nullptr) return CUDA_ERROR_INVALID_VALUE;
    machine().wait(call.lock, [&] { return owner->is_idle() || owner->sticky != 0; });
    if (owner->sticky != 0) return CUresult(owner->sticky);
    return CUresult(owner->memory.release(pointer));
}

DRIVER_API CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    *total = call.device->memory.capacity;
    *free = *total - std::min(*total, call.device->memory.used());
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuMemGetAddressRange_v2(CUdeviceptr* start, size_t* bytes, CUdeviceptr pointer) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    Device* owner = machine().device_of(pointer);
    const Allocation* allocation = owner == nullptr ? nullptr : owner->memory.find(pointer);
    if (allocation == nullptr) return CUDA_ERROR_NOT_FOUND;
    if (start != nullptr) *start = allocation->start;
    if (bytes != nullptr) *bytes = allocation->bytes;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (forbidden_in_capture()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    *pointer = machine().pinned.allocate(bytes);
    return *pointer == nullptr ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}

DRIVER_API CUresult cuMemAllocHost_v2(void** pointer, size_t bytes) {
    return cuMemHostAlloc(pointer, bytes, 0);
}

DRIVER_API CUresult cuMemFreeHost(void* pointer) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (forbidden_in_capture()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    Machine& all = machine();
    all.wait(call.lock, [&] {
        return std::all_of(all.devices.begin(), all.devices.end(),
                           [](const auto& device) { return device->is_idle(); });
    });
    return all.pinned.release(pointer) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

DRIVER_API CUresult cuMemHostRegister_v2(void* pointer, size_t bytes, unsigned) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (pointer == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    machine().pinned.add(pointer, bytes);
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuMemHostUnregister(void* pointer) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    return machine().pinned.remove(pointer) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
}

DRIVER_API CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* pointer, void* host, unsigned) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    *pointer = reinterpret_cast<CUdeviceptr>(host);
    return machine().pinned.holds(*pointer, 1) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// ---------------------------------------------------------------- copies

namespace {

// Whether device code or a copy in this context may touch the bytes: an allocation of the device or
// of a peer it has access to, or pinned memory.
CUresult check_device_range(Device& device, CUdeviceptr address, size_t bytes) {
    Device* owner = machine().device_of(address);
    if (owner == nullptr) {
        return machine().pinned.holds(address, bytes) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    }
    if (!owner->memory.holds(address, bytes)) return CUDA_ERROR_INVALID_VALUE;
    return device.reaches(*owner) ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
}

bool is_pinned(const void* host, size_t bytes) {
    return machine().pinned.holds(reinterpret_cast<uintptr_t>(host), bytes);
}

// The host's side of a copy must not be memory of a device.
bool is_host(const void* host) {
    return host != nullptr && machine().device_of(reinterpret_cast<uintptr_t>(host)) == nullptr;
}

std::shared_ptr<Command> copy_command(void* to, const void* from, size_t bytes) {
    auto command = std::make_shared<Command>();
    command->run = [=] { memcpy(to, from, bytes); };
    return command;
}

void* at(CUdeviceptr address) { return reinterpret_cast<void*>(address); }

// What a copy or fill needs to know before it is queued.
struct Request : Call {
    explicit Request(CUstream handle) {
        if (error != CUDA_SUCCESS) return;
        stream = stream_of(*device, handle);
        if (stream == nullptr) error = CUDA_ERROR_INVALID_HANDLE;
    }

    void need_range(CUdeviceptr address, size_t bytes) {
        if (error == CUDA_SUCCESS) error = check_device_range(*device, address, bytes);
    }

    void need_host(const void* host) {
        if (error == CUDA_SUCCESS && !is_host(host)) error = CUDA_ERROR_INVALID_VALUE;
    }

    // Pageable memory can't be captured: its copies wait.
    void need_no_capture() {
        if (error == CUDA_SUCCESS && (stream->capture != nullptr || forbidden_in_capture())) {
            if (stream->capture != nullptr) stream->capture->invalid = true;
            error = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        }
    }

    std::shared_ptr<Stream> stream;
};

CUresult copy_to_device(CUdeviceptr to, const void* from, size_t bytes, CUstream handle, bool wait) {
    Request request(handle);
    if (request.error == CUDA_SUCCESS && bytes == 0) return CUDA_SUCCESS;
    request.need_range(to, bytes);
    request.need_host(from);
    bool pinned = is_pinned(from, bytes);
    if (wait || !pinned) request.need_no_capture();
    if (request.error != CUDA_SUCCESS) return request.error;
    if (wait) return submit_and_wait(request, *request.stream, copy_command(at(to), from, bytes));
    if (pinned) return submit(*request.stream, copy_command(at(to), from, bytes));
    if (machine().settings.stub) return CUDA_SUCCESS;
    auto bytes_read = static_cast<const unsigned char*>(from);
    auto staged = std::make_shared<std::vector<unsigned char>>(bytes_read, bytes_read + bytes);
    auto command = std::make_shared<Command>();
    command->run = [=] { memcpy(at(to), staged->data(), staged->size()); };
    return submit(*request.stream, command);
}

CUresult copy_to_host(void* to, CUdeviceptr from, size_t bytes, CUstream handle, bool wait) {
    Request request(handle);
    if (request.error == CUDA_SUCCESS && bytes == 0) return CUDA_SUCCESS;
    request.need_range(from, bytes);
    request.need_host(to);
    wait |= !is_pinned(to, bytes);
    if (wait) request.need_no_capture();
    if (request.error != CUDA_SUCCESS) return request.error;
    auto command = copy_command(to, at(from), bytes);
    return wait ? submit_and_wait(request, *request.stream, command) : submit(*request.stream, command);
}

CUresult copy_on_device(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream handle, bool wait) {
    Request request(handle);
    if (request.error == CUDA_SUCCESS && bytes == 0) return CUDA_SUCCESS;
    request.need_range(to, bytes);
    request.need_range(from, bytes);
    if (wait) request.need_no_capture();
    if (request.error != CUDA_SUCCESS) return request.error;
    auto command = copy_command(at(to), at(from), bytes);
    return wait ? submit_and_wait(request, *request.stream, command) : submit(*request.stream, command);
}

void open_both(Device& one, Device& other) {
    std::lock_guard<std::mutex> lock(machine().mutex);
    one.memory.open();
    other.memory.open();
}

void close_both(Device& one, Device& other) {
    std::lock_guard<std::mutex> lock(machine().mutex);
    one.memory.close();
    other.memory.close();
}

// Unlike other copies it needs no access to the peer: the driver then goes through the host.
CUresult copy_to_peer(CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context,
                      size_t bytes, CUstream handle, bool wait) {
    Request request(handle);
    if (request.error != CUDA_SUCCESS) return request.error;
    Device* target = device_of(to_context);
    Device* source = device_of(from_context);
    if (target == nullptr || source == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    if (!target->memory.holds(to, bytes) || !source->memory.holds(from, bytes)) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    auto command = std::make_shared<Command>();
    command->run = [=] {
        open_both(*target, *source);
        memcpy(at(to), at(from), bytes);
        close_both(*target, *source);
    };
    return wait ? submit_and_wait(request, *request.stream, command) : submit(*request.stream, command);
}

template <class T>
CUresult fill(CUdeviceptr to, T value, size_t count, CUstream handle, bool wait) {
    Request request(handle);
    if (request.error == CUDA_SUCCESS && count == 0) return CUDA_SUCCESS;
    if (to % sizeof(T) != 0) return CUDA_ERROR_INVALID_VALUE;
    request.need_range(to, count * sizeof(T));
    if (request.error != CUDA_SUCCESS) return request.error;
    auto command = std::make_shared<Command>();
    command->run = [=] { std::fill_n(static_cast<T*>(at(to)), count, value); };
    return wait ? submit_and_wait(request, *request.stream, command) : submit(*request.stream, command);
}

} // namespace

DRIVER_API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes) {
    return copy_to_device(to, from, bytes, nullptr, true);
}

DRIVER_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes,
                                         CUstream stream) {
    return copy_to_device(to, from, bytes, stream, false);
}

DRIVER_API CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes) {
    return copy_to_host(to, from, bytes, nullptr, true);
}

DRIVER_API CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
    return copy_to_host(to, from, bytes, stream, false);
}

DRIVER_API CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
    return copy_on_device(to, from, bytes, nullptr, false);
}

DRIVER_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                                         CUstream stream) {
    return copy_on_device(to, from, bytes, stream, false);
}

DRIVER_API CUresult cuMemcpyPeer(CUdeviceptr to, CUcontext to_context, CUdeviceptr from,
                                 CUcontext from_context, size_t bytes) {
    return copy_to_peer(to, to_context, from, from_context, bytes, nullptr, true);
}

DRIVER_API CUresult cuMemcpyPeerAsync(CUdeviceptr to, CUcontext to_context, CUdeviceptr from,
                                      CUcontext from_context, size_t bytes, CUstream stream) {
    return copy_to_peer(to, to_context, from, from_context, bytes, stream, false);
}

DRIVER_API CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
    return fill<uint8_t>(to, value, count, nullptr, false);
}

DRIVER_API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
    return fill<uint8_t>(to, value, count, stream, false);
}

DRIVER_API CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count) {
    return fill<uint16_t>(to, value, count, nullptr, false);
}

DRIVER_API CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count,
                                     CUstream stream) {
    return fill<uint16_t>(to, value, count, stream, false);
}

DRIVER_API CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count) {
    return fill<uint32_t>(to, value, count, nullptr, false);
}

DRIVER_API CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
    return fill<uint32_t>(to, value, count, stream, false);
}
