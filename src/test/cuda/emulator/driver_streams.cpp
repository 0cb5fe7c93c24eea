// Streams, events, capture and graphs.
#include "driver.h"

using namespace emulator;

namespace emulator {

namespace {

std::shared_ptr<Command> nothing() { return std::make_shared<Command>(); }

void invalidate(Capture& capture) { capture.invalid = true; }

} // namespace

std::shared_ptr<Stream> stream_of(Device& device, CUstream handle) {
    if (handle == nullptr || handle == CU_STREAM_LEGACY) return device.default_stream;
    for (const auto& owner : machine().devices) {
        for (const auto& stream : owner->streams) {
            if (reinterpret_cast<CUstream>(stream.get()) == handle) return stream;
        }
    }
    return nullptr;
}

CUresult submit(Stream& stream, std::shared_ptr<const Command> command) {
    if (stream.capture != nullptr) {
        Capture& capture = *stream.capture;
        if (capture.invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
        capture.nodes.push_back({std::move(command), stream.capture_tail});
        stream.capture_tail = {int(capture.nodes.size()) - 1};
        return CUDA_SUCCESS;
    }
    if (&stream == stream.device->default_stream.get()) {
        for (const auto& each : stream.device->streams) {
            if (each->capture != nullptr && each->blocking) {
                invalidate(*each->capture);
                return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
            }
        }
    }
    if (machine().settings.stub) return CUDA_SUCCESS;
    stream.device->enqueue(stream, std::move(command), {});
    return CUDA_SUCCESS;
}

CUresult submit_and_wait(Call& call, Stream& stream, std::shared_ptr<const Command> command) {
    CUresult result = submit(stream, std::move(command));
    if (result != CUDA_SUCCESS) return result;
    Ticket ticket = stream.tail();
    Device* device = stream.device;
    machine().wait(call.lock, [&] { return ticket.is_done() || device->sticky != 0; });
    return CUresult(device->sticky);
}

bool forbidden_in_capture() {
    for (const auto& each : machine().captures) {
        std::shared_ptr<Capture> capture = each.lock();
        if (capture == nullptr || capture->mode == CU_STREAM_CAPTURE_MODE_RELAXED) continue;
        bool own = capture->thread == std::this_thread::get_id();
        if (own || capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL) {
            invalidate(*capture);
            return true;
        }
    }
    return false;
}

} // namespace emulator

// ---------------------------------------------------------------- streams

DRIVER_API CUresult cuStreamCreateWithPriority(CUstream* handle, unsigned flags, int priority) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    auto stream = std::make_shared<Stream>();
    stream->device = call.device;
    stream->blocking = (flags & CU_STREAM_NON_BLOCKING) == 0;
    stream->priority = priority;
    call.device->streams.push_back(stream);
    *handle = reinterpret_cast<CUstream>(stream.get());
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuStreamCreate(CUstream* handle, unsigned flags) {
    return cuStreamCreateWithPriority(handle, flags, 0);
}

DRIVER_API CUresult cuStreamDestroy_v2(CUstream handle) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Stream> stream = stream_of(*call.device, handle);
    if (stream == nullptr || handle == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    // Work that is queued still runs before it goes.
    Device* device = stream->device;
    machine().wait(call.lock, [&] { return stream->queue.empty() || device->sticky != 0; });
    auto& streams = device->streams;
    streams.erase(std::remove(streams.begin(), streams.end(), stream), streams.end());
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuStreamGetPriority(CUstream handle, int* priority) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Stream> stream = stream_of(*call.device, handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    *priority = stream->priority;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuStreamGetCtx(CUstream handle, CUcontext* context) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Stream> stream = stream_of(*call.device, handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    *context = reinterpret_cast<CUcontext>(stream->device);
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuStreamSynchronize(CUstream handle) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Stream> stream = stream_of(*call.device, handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (stream->capture != nullptr) invalidate(*stream->capture);
    if (stream->capture != nullptr || forbidden_in_capture()) {
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    std::vector<Ticket> tickets{stream->tail()};
    if (stream == stream->device->default_stream) {
        for (const auto& each : stream->device->streams) {
            if (each->blocking) tickets.push_back(each->tail());
        }
    }
    Device* device = stream->device;
    machine().wait(call.lock, [&] {
        return device->sticky != 0 || std::all_of(tickets.begin(), tickets.end(),
                                                  [](const Ticket& t) { return t.is_done(); });
    });
    return CUresult(device->sticky);
}

DRIVER_API CUresult cuStreamQuery(CUstream handle) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Stream> stream = stream_of(*call.device, handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (stream->capture != nullptr) {
        invalidate(*stream->capture);
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    machine().open();
    return stream->queue.empty() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

DRIVER_API CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void* data) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Stream> stream = stream_of(*call.device, handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (function == nullptr) return CUDA_ERROR_INVALID_VALUE;
    auto command = std::make_shared<Command>();
    command->run = [=] { function(data); };
    return submit(*stream, command);
}

// ---------------------------------------------------------------- events

namespace {

std::shared_ptr<Event>* event_of(CUevent handle) {
    return is_live(handle) ? reinterpret_cast<std::shared_ptr<Event>*>(handle) : nullptr;
}

double now() {
    std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - machine().began;
    return elapsed.count();
}

} // namespace

DRIVER_API CUresult cuEventCreate(CUevent* handle, unsigned flags) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    auto event = std::make_shared<Event>();
    event->timed = (flags & CU_EVENT_DISABLE_TIMING) == 0;
    *handle = reinterpret_cast<CUevent>(handle_of(event));
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuEventDestroy_v2(CUevent handle) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Event>* event = event_of(handle);
    if (event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    machine().handles.erase(event);
    delete event;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuEventRecord(CUevent handle, CUstream stream_handle) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Event>* event = event_of(handle);
    std::shared_ptr<Stream> stream = stream_of(*call.device, stream_handle);
    if (event == nullptr || stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (stream->capture != nullptr) {
        if (stream->capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
        (*event)->capture = stream->capture;
        (*event)->capture_nodes = stream->capture_tail;
        return CUDA_SUCCESS;
    }
    auto time = std::make_shared<double>(now());
    auto command = std::make_shared<Command>();
    command->run = [time] { *time = now(); };
    CUresult result = submit(*stream, command);
    if (result != CUDA_SUCCESS) return result;
    (*event)->capture = nullptr;
    (*event)->milliseconds = time;
    (*event)->ticket = stream->tail();
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned) {
    return cuEventRecord(event, stream);
}

DRIVER_API CUresult cuEventQuery(CUevent handle) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Event>* event = event_of(handle);
    if (event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if ((*event)->capture != nullptr) return CUDA_ERROR_CAPTURED_EVENT;
    machine().open();
    return (*event)->ticket.is_done() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

DRIVER_API CUresult cuEventSynchronize(CUevent handle) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Event>* event = event_of(handle);
    if (event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if ((*event)->capture != nullptr) return CUDA_ERROR_CAPTURED_EVENT;
    if (forbidden_in_capture()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    Ticket ticket = (*event)->ticket;
    Device* device = ticket.stream == nullptr ? call.device : ticket.stream->device;
    machine().wait(call.lock, [&] { return ticket.is_done() || device->sticky != 0; });
    return CUresult(device->sticky);
}

// The name JCuda imports; the header maps it to the one after.
#undef cuEventElapsedTime

DRIVER_API CUresult cuEventElapsedTime(float* milliseconds, CUevent start_handle, CUevent end_handle) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Event>* start = event_of(start_handle);
    std::shared_ptr<Event>* end = event_of(end_handle);
    if (start == nullptr || end == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    for (auto* event : {start, end}) {
        if (!(*event)->timed || (*event)->ticket.stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
        if (!(*event)->ticket.is_done()) return CUDA_ERROR_NOT_READY;
    }
    *milliseconds = float(*(*end)->milliseconds - *(*start)->milliseconds);
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuEventElapsedTime_v2(float* milliseconds, CUevent start, CUevent end) {
    return cuEventElapsedTime(milliseconds, start, end);
}

DRIVER_API CUresult cuStreamWaitEvent(CUstream stream_handle, CUevent handle, unsigned) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Event>* event = event_of(handle);
    std::shared_ptr<Stream> stream = stream_of(*call.device, stream_handle);
    if (event == nullptr || stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    std::shared_ptr<Capture> capture = (*event)->capture;
    if (capture == nullptr && stream->capture == nullptr) {
        if (machine().settings.stub) return CUDA_SUCCESS;
        stream->device->enqueue(*stream, nothing(), {(*event)->ticket});
        return CUDA_SUCCESS;
    }
    if (stream->capture == nullptr) {
        stream->capture = capture;
        stream->capture_tail.clear();
        capture->streams.push_back(stream);
    } else if (stream->capture != capture) {
        invalidate(*stream->capture);
        return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    }
    for (int node : (*event)->capture_nodes) {
        auto& tail = stream->capture_tail;
        if (std::find(tail.begin(), tail.end(), node) == tail.end()) tail.push_back(node);
    }
    return CUDA_SUCCESS;
}

// ---------------------------------------------------------------- capture

DRIVER_API CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Stream> stream = stream_of(*call.device, handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (stream == stream->device->default_stream) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (stream->capture != nullptr) return CUDA_ERROR_ILLEGAL_STATE;
    auto capture = std::make_shared<Capture>();
    capture->origin = stream;
    capture->thread = std::this_thread::get_id();
    capture->mode = mode;
    capture->streams.push_back(stream);
    stream->capture = capture;
    stream->capture_tail.clear();
    machine().captures.push_back(capture);
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuStreamEndCapture(CUstream handle, CUgraph* graph) {
    Call call;
    *graph = nullptr;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Stream> stream = stream_of(*call.device, handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    std::shared_ptr<Capture> capture = stream->capture;
    if (capture == nullptr) return CUDA_ERROR_ILLEGAL_STATE;
    if (capture->origin != stream) return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
    if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED &&
        capture->thread != std::this_thread::get_id()) {
        return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
    }
    bool joined = capture->is_joined();
    for (const auto& each : capture->streams) {
        std::shared_ptr<Stream> member = each.lock();
        if (member != nullptr && member->capture == capture) member->capture = nullptr;
    }
    capture->origin = nullptr;
    auto& captures = machine().captures;
    captures.erase(std::remove_if(captures.begin(), captures.end(),
                                  [&](const auto& each) { return each.lock() == capture; }),
                   captures.end());
    if (capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (!joined) return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
    auto result = std::make_shared<Graph>();
    result->nodes = capture->nodes;
    *graph = reinterpret_cast<CUgraph>(handle_of(result));
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    std::shared_ptr<Stream> stream = stream_of(*call.device, handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    *status = stream->capture == nullptr    ? CU_STREAM_CAPTURE_STATUS_NONE
              : stream->capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                            : CU_STREAM_CAPTURE_STATUS_ACTIVE;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
    *mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
    return CUDA_SUCCESS;
}

// ---------------------------------------------------------------- graphs

namespace {

template <class T, class Handle>
std::shared_ptr<T>* object_of(Handle handle) {
    return is_live(handle) ? reinterpret_cast<std::shared_ptr<T>*>(handle) : nullptr;
}

} // namespace

DRIVER_API CUresult cuGraphInstantiateWithFlags(CUgraphExec* handle, CUgraph graph_handle,
                                                unsigned long long) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    auto* graph = object_of<Graph>(graph_handle);
    if (graph == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (forbidden_in_capture()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    auto executable = std::make_shared<ExecutableGraph>();
    executable->device = call.device;
    executable->nodes = (*graph)->nodes;
    *handle = reinterpret_cast<CUgraphExec>(handle_of(executable));
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuGraphUpload(CUgraphExec handle, CUstream stream_handle) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (object_of<ExecutableGraph>(handle) == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    return stream_of(*call.device, stream_handle) == nullptr ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
}

DRIVER_API CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream_handle) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    auto* executable = object_of<ExecutableGraph>(handle);
    std::shared_ptr<Stream> stream = stream_of(*call.device, stream_handle);
    if (executable == nullptr || stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (stream->capture != nullptr) return CUDA_ERROR_NOT_SUPPORTED;
    uint64_t seed = machine().settings.seed;
    Random random(seed + stream->enqueued);
    for (int node : (*executable)->order(random, seed == 0)) {
        CUresult result = submit(*stream, (*executable)->nodes[size_t(node)].command);
        if (result != CUDA_SUCCESS) return result;
    }
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode* nodes, size_t* count) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    auto* graph = object_of<Graph>(handle);
    if (graph == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    for (size_t i = 0; nodes != nullptr && i < *count; i++) {
        bool exists = i < (*graph)->nodes.size();
        nodes[i] = exists ? reinterpret_cast<CUgraphNode>(&(*graph)->nodes[i]) : nullptr;
    }
    if (nodes == nullptr) *count = (*graph)->nodes.size();
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuGraphDestroy(CUgraph handle) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    auto* graph = object_of<Graph>(handle);
    if (graph == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    machine().handles.erase(graph);
    delete graph;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuGraphExecDestroy(CUgraphExec handle) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    auto* executable = object_of<ExecutableGraph>(handle);
    if (executable == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    machine().handles.erase(executable);
    delete executable;
    return CUDA_SUCCESS;
}
