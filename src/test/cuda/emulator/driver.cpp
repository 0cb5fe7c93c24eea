// Devices, contexts, modules and launches.
#include "driver.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <atomic>

using namespace emulator;

namespace emulator {

namespace {

thread_local Device* current = nullptr;

size_t environment_bytes(const char* name, size_t otherwise) {
    const char* text = getenv(name);
    if (text == nullptr) return otherwise;
    char* end;
    size_t value = strtoull(text, &end, 10);
    int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    return value << shift;
}

void configure_from_environment() {
    Machine& all = machine();
    Settings& settings = all.settings;
    settings.seed = environment_bytes("EMULATOR_SEED", settings.seed);
    settings.stub = environment_bytes("EMULATOR_STUB", settings.stub) != 0;
    settings.multiprocessors =
        int(environment_bytes("EMULATOR_MULTIPROCESSORS", size_t(settings.multiprocessors)));
    settings.spin_limit = std::chrono::milliseconds(
        environment_bytes("EMULATOR_SPIN_LIMIT", size_t(settings.spin_limit.count())));
    if (const char* kernels = getenv("EMULATOR_KERNELS")) settings.kernels = kernels;
    if (const char* faults = getenv("EMULATOR_FAULTS")) {
        if (!parse_faults(faults, &settings.faults)) {
            fprintf(stderr, "CUDA emulator: EMULATOR_FAULTS can't be read: %s\n", faults);
            abort();
        }
    }
    if (all.devices.empty()) {
        all.set_devices(int(environment_bytes("EMULATOR_DEVICES", 1)),
                        environment_bytes("EMULATOR_MEMORY", size_t(8) << 30));
    }
}

std::string default_kernels() {
    Dl_info own;
    if (dladdr(reinterpret_cast<void*>(&default_kernels), &own) == 0) return "libkernels.so";
    std::string path = own.dli_fname;
    size_t slash = path.rfind('/');
    return (slash == std::string::npos ? "" : path.substr(0, slash + 1)) + "libkernels.so";
}

} // namespace

Device*& current_device() { return current; }

Call::Call() : lock(machine().mutex), device(current), error(CUDA_SUCCESS) {
    if (!machine().initialised) {
        error = CUDA_ERROR_NOT_INITIALIZED;
    } else if (device == nullptr || device->retained == 0) {
        error = CUDA_ERROR_INVALID_CONTEXT;
    } else if (device->sticky != 0) {
        error = CUresult(device->sticky);
    }
}

Device* device_of(CUcontext context) {
    for (const auto& device : machine().devices) {
        if (reinterpret_cast<CUcontext>(device.get()) == context) return device.get();
    }
    return nullptr;
}

} // namespace emulator

namespace {

Device* device_at(CUdevice ordinal) {
    auto& devices = machine().devices;
    return ordinal < 0 || ordinal >= int(devices.size()) ? nullptr : devices[size_t(ordinal)].get();
}

using Lock = std::lock_guard<std::mutex>;

constexpr int MOST_SHARED = 227 * 1024; // that a block may opt in to

} // namespace

// ---------------------------------------------------------------- devices

DRIVER_API CUresult cuInit(unsigned flags) {
    Lock lock(machine().mutex);
    if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
    if (!machine().initialised) {
        configure_from_environment();
        install_fault_handler();
        machine().initialised = true;
    }
    return machine().devices.empty() ? CUDA_ERROR_NO_DEVICE : CUDA_SUCCESS;
}

DRIVER_API CUresult cuDriverGetVersion(int* version) {
    *version = 13000;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuDeviceGetCount(int* count) {
    Lock lock(machine().mutex);
    if (!machine().initialised) return CUDA_ERROR_NOT_INITIALIZED;
    *count = int(machine().devices.size());
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuDeviceGet(CUdevice* device, int ordinal) {
    Lock lock(machine().mutex);
    if (!machine().initialised) return CUDA_ERROR_NOT_INITIALIZED;
    if (device_at(ordinal) == nullptr) return CUDA_ERROR_INVALID_DEVICE;
    *device = ordinal;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
    Lock lock(machine().mutex);
    if (device_at(device) == nullptr) return CUDA_ERROR_INVALID_DEVICE;
    snprintf(name, size_t(length), "Emulated CUDA device");
    return CUDA_SUCCESS;
}

// JCuda imports this name; the header maps it to the one after.
#undef cuDeviceGetUuid

DRIVER_API CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
    Lock lock(machine().mutex);
    if (device_at(device) == nullptr) return CUDA_ERROR_INVALID_DEVICE;
    memset(uuid, 0, sizeof *uuid);
    uuid->bytes[0] = char(0xE0);
    uuid->bytes[15] = char(device);
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) {
    return cuDeviceGetUuid(uuid, device);
}

DRIVER_API CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
    Lock lock(machine().mutex);
    if (device_at(device) == nullptr) return CUDA_ERROR_INVALID_DEVICE;
    *bytes = device_at(device)->memory.capacity;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuDeviceGetPCIBusId(char* id, int length, CUdevice device) {
    Lock lock(machine().mutex);
    if (device_at(device) == nullptr) return CUDA_ERROR_INVALID_DEVICE;
    snprintf(id, size_t(length), "0000:%02x:00.0", device + 1);
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice) {
    *major = 9;
    *minor = 0;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
    Lock lock(machine().mutex);
    if (device_at(device) == nullptr) return CUDA_ERROR_INVALID_DEVICE;
    switch (attribute) {
        case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
        case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X:
        case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y: *value = 1024; break;
        case CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z: *value = 64; break;
        case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X: *value = 0x7FFFFFFF; break;
        case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y:
        case CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z: *value = 65535; break;
        case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: *value = 48 * 1024; break;
        case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *value = MOST_SHARED; break;
        case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: *value = 228 * 1024; break;
        case CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK: *value = 1024; break;
        case CU_DEVICE_ATTRIBUTE_WARP_SIZE: *value = 32; break;
        case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK:
        case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR: *value = 65536; break;
        case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: *value = 1000000; break;
        case CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE: *value = 1000000; break;
        case CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH: *value = 512; break;
        case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE: *value = 4 << 20; break;
        case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = machine().settings.multiprocessors; break;
        case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR: *value = 2048; break;
        case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR: *value = 32; break;
        case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = 9; break;
        case CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT: *value = 2; break;
        case CU_DEVICE_ATTRIBUTE_PCI_BUS_ID: *value = device + 1; break;
        case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
        case CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY:
        case CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS:
        case CU_DEVICE_ATTRIBUTE_GPU_OVERLAP:
        case CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED:
        case CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH: *value = 1; break;
        default: *value = 0;
    }
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuDeviceCanAccessPeer(int* can, CUdevice device, CUdevice peer) {
    Lock lock(machine().mutex);
    if (device_at(device) == nullptr || device_at(peer) == nullptr) return CUDA_ERROR_INVALID_DEVICE;
    *can = device != peer;
    return CUDA_SUCCESS;
}

// ---------------------------------------------------------------- contexts

DRIVER_API CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice ordinal) {
    Lock lock(machine().mutex);
    if (!machine().initialised) return CUDA_ERROR_NOT_INITIALIZED;
    Device* device = device_at(ordinal);
    if (device == nullptr) return CUDA_ERROR_INVALID_DEVICE;
    device->retained++;
    *context = reinterpret_cast<CUcontext>(device);
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice ordinal) {
    std::unique_lock<std::mutex> lock(machine().mutex);
    Device* device = device_at(ordinal);
    if (device == nullptr) return CUDA_ERROR_INVALID_DEVICE;
    if (device->retained == 0) return CUDA_ERROR_INVALID_CONTEXT;
    if (--device->retained == 0) {
        machine().wait(lock, [&] { return device->is_idle(); });
        device->reset();
    }
    return CUDA_SUCCESS;
}

// A device has one context here, whichever way it is asked for.
DRIVER_API CUresult cuCtxCreate_v2(CUcontext* context, unsigned, CUdevice ordinal) {
    CUresult result = cuDevicePrimaryCtxRetain(context, ordinal);
    return result == CUDA_SUCCESS ? cuCtxSetCurrent(*context) : result;
}

DRIVER_API CUresult cuCtxDestroy_v2(CUcontext context) {
    int ordinal;
    {
        Lock lock(machine().mutex);
        Device* device = emulator::device_of(context);
        if (device == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
        ordinal = device->ordinal;
    }
    return cuDevicePrimaryCtxRelease_v2(ordinal);
}

DRIVER_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice ordinal) {
    std::unique_lock<std::mutex> lock(machine().mutex);
    Device* device = device_at(ordinal);
    if (device == nullptr) return CUDA_ERROR_INVALID_DEVICE;
    machine().wait(lock, [&] { return device->is_idle(); });
    device->reset();
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuDevicePrimaryCtxGetState(CUdevice ordinal, unsigned* flags, int* active) {
    Lock lock(machine().mutex);
    Device* device = device_at(ordinal);
    if (device == nullptr) return CUDA_ERROR_INVALID_DEVICE;
    *flags = 0;
    *active = device->retained > 0;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice, unsigned) { return CUDA_SUCCESS; }

DRIVER_API CUresult cuCtxSetCurrent(CUcontext context) {
    Lock lock(machine().mutex);
    if (!machine().initialised) return CUDA_ERROR_NOT_INITIALIZED;
    Device* device = context == nullptr ? nullptr : device_of(context);
    if (context != nullptr && device == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    current_device() = device;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuCtxGetCurrent(CUcontext* context) {
    *context = reinterpret_cast<CUcontext>(current_device());
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuCtxGetDevice(CUdevice* device) {
    Call call;
    if (call.error == CUDA_ERROR_INVALID_CONTEXT) return call.error;
    *device = call.device->ordinal;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuCtxSynchronize() {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (forbidden_in_capture()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    Device* device = call.device;
    machine().wait(call.lock, [&] { return device->is_idle() || device->sticky != 0; });
    return CUresult(device->sticky);
}

DRIVER_API CUresult cuCtxGetApiVersion(CUcontext, unsigned* version) {
    *version = 13000;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuCtxSetLimit(CUlimit, size_t) { return CUDA_SUCCESS; }

DRIVER_API CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) {
    if (least != nullptr) *least = 0;
    if (greatest != nullptr) *greatest = -5;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned flags) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    Device* device = device_of(peer);
    if (device == nullptr || device->retained == 0) return CUDA_ERROR_INVALID_CONTEXT;
    if (flags != 0 || device == call.device) return CUDA_ERROR_INVALID_VALUE;
    bool added = call.device->peers.insert(device->ordinal).second;
    return added ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
}

DRIVER_API CUresult cuCtxDisablePeerAccess(CUcontext peer) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    Device* device = device_of(peer);
    if (device == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    bool removed = call.device->peers.erase(device->ordinal) != 0;
    return removed ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
}

// ---------------------------------------------------------------- modules

namespace {

// The image is not looked at: kernels come from the emulator's library of them.
CUresult load_module(CUmodule* handle, const void* image) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (forbidden_in_capture()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (image == nullptr || handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const std::string& set = machine().settings.kernels;
    std::string error;
    KernelLibrary* library = machine().load_library(set.empty() ? default_kernels() : set, &error);
    if (library == nullptr) {
        machine().last_failure = error;
        fprintf(stderr, "CUDA emulator: %s\n", error.c_str());
        return CUDA_ERROR_INVALID_IMAGE;
    }
    auto* module = new Module;
    module->library = library;
    machine().handles.insert(module);
    *handle = reinterpret_cast<CUmodule>(module);
    return CUDA_SUCCESS;
}

} // namespace

DRIVER_API CUresult cuModuleLoadData(CUmodule* module, const void* image) {
    return load_module(module, image);
}

DRIVER_API CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned, CUjit_option*,
                                       void**) {
    return load_module(module, image);
}

DRIVER_API CUresult cuModuleLoadFatBinary(CUmodule* module, const void* image) {
    return load_module(module, image);
}

DRIVER_API CUresult cuModuleUnload(CUmodule handle) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (forbidden_in_capture()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (!is_live(handle)) return CUDA_ERROR_INVALID_HANDLE;
    auto* module = reinterpret_cast<Module*>(handle);
    for (const auto& [name, function] : module->functions) machine().handles.erase(function.get());
    machine().handles.erase(module);
    delete module;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
    *mode = CU_MODULE_EAGER_LOADING;
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuModuleGetFunction(CUfunction* handle, CUmodule module_handle, const char* name) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (!is_live(module_handle)) return CUDA_ERROR_INVALID_HANDLE;
    auto* module = reinterpret_cast<Module*>(module_handle);
    auto kernel = module->library->kernels.find(name);
    if (kernel == module->library->kernels.end()) return CUDA_ERROR_NOT_FOUND;
    std::unique_ptr<Function>& function = module->functions[name];
    if (function == nullptr) {
        function = std::make_unique<Function>();
        function->kernel = &kernel->second;
        machine().handles.insert(function.get());
    }
    *handle = reinterpret_cast<CUfunction>(function.get());
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute, int value) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (!is_live(handle)) return CUDA_ERROR_INVALID_HANDLE;
    auto* function = reinterpret_cast<Function*>(handle);
    switch (attribute) {
        case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
            if (value < 0 || value > MOST_SHARED) return CUDA_ERROR_INVALID_VALUE;
            function->most_dynamic_shared = value;
            return CUDA_SUCCESS;
        case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: return CUDA_SUCCESS;
        default: return CUDA_ERROR_INVALID_VALUE;
    }
}

DRIVER_API CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction handle) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (!is_live(handle)) return CUDA_ERROR_INVALID_HANDLE;
    auto* function = reinterpret_cast<Function*>(handle);
    switch (attribute) {
        case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = 1024; break;
        case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = 32; break;
        case CU_FUNC_ATTRIBUTE_PTX_VERSION:
        case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = 90; break;
        case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = function->most_dynamic_shared; break;
        default: *value = 0;
    }
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuFuncGetParamInfo(CUfunction handle, size_t index, size_t* offset, size_t* size) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (!is_live(handle)) return CUDA_ERROR_INVALID_HANDLE;
    const auto& bytes = reinterpret_cast<Function*>(handle)->kernel->parameter_bytes;
    if (index != 0 || bytes.size() != 1) return CUDA_ERROR_INVALID_VALUE;
    *offset = 0;
    if (size != nullptr) *size = bytes[0];
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuFuncSetCacheConfig(CUfunction, CUfunc_cache) { return CUDA_SUCCESS; }

DRIVER_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction handle,
                                                                int threads, size_t dynamic_shared) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (!is_live(handle)) return CUDA_ERROR_INVALID_HANDLE;
    if (threads <= 0) return CUDA_ERROR_INVALID_VALUE;
    int warps = (threads + 31) / 32;
    int by_shared = int(228 * 1024 / (dynamic_shared + 1024));
    *blocks = threads > 1024 ? 0 : std::min({32, 64 / warps, by_shared});
    return CUDA_SUCCESS;
}

DRIVER_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks,
                                                                         CUfunction handle, int threads,
                                                                         size_t dynamic_shared,
                                                                         unsigned) {
    return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, handle, threads, dynamic_shared);
}

// ---------------------------------------------------------------- launches

namespace {

CUresult check_shape(const Function& function, const dim3& grid, const dim3& block, unsigned shared) {
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || block.x == 0 || block.y == 0 || block.z == 0) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (grid.x > 0x7FFFFFFFu || grid.y > 65535 || grid.z > 65535) return CUDA_ERROR_INVALID_VALUE;
    if (block.x > 1024 || block.y > 1024 || block.z > 64) return CUDA_ERROR_INVALID_VALUE;
    if (uint64_t(block.x) * block.y * block.z > 1024) return CUDA_ERROR_INVALID_VALUE;
    if (shared > unsigned(function.most_dynamic_shared)) return CUDA_ERROR_INVALID_VALUE;
    return CUDA_SUCCESS;
}

size_t aligned(size_t offset, size_t bytes) {
    size_t alignment = 16;
    while (bytes % alignment != 0) alignment /= 2;
    return (offset + alignment - 1) / alignment * alignment;
}

// Copies the parameters to which the array points.
CUresult copy_parameters(KernelLaunch& launch, void** parameters, void** extra) {
    const std::vector<size_t>& sizes = launch.kernel->parameter_bytes;
    if (sizes.empty()) return CUDA_SUCCESS;
    if (parameters == nullptr || extra != nullptr) return CUDA_ERROR_INVALID_VALUE;
    size_t total = 0;
    std::vector<size_t> offsets;
    for (size_t bytes : sizes) {
        offsets.push_back(aligned(total, bytes));
        total = offsets.back() + bytes;
    }
    launch.parameter_bytes.resize(total);
    for (size_t i = 0; i < sizes.size(); i++) {
        if (parameters[i] == nullptr) return CUDA_ERROR_INVALID_VALUE;
        unsigned char* copy = launch.parameter_bytes.data() + offsets[i];
        memcpy(copy, parameters[i], sizes[i]);
        launch.parameters.push_back(copy);
    }
    return CUDA_SUCCESS;
}

CUresult launch_kernel(CUfunction handle, dim3 grid, dim3 block, unsigned shared, CUstream stream_handle,
                       void** parameters, void** extra) {
    Call call;
    if (call.error != CUDA_SUCCESS) return call.error;
    if (!is_live(handle)) return CUDA_ERROR_INVALID_HANDLE;
    auto* function = reinterpret_cast<Function*>(handle);
    std::shared_ptr<Stream> stream = stream_of(*call.device, stream_handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    CUresult wrong = check_shape(*function, grid, block, shared);
    if (wrong != CUDA_SUCCESS) return wrong;
    if (machine().settings.stub && stream->capture == nullptr) return CUDA_SUCCESS;
    auto launch = std::make_shared<KernelLaunch>();
    launch->kernel = function->kernel;
    launch->grid = grid;
    launch->block = block;
    launch->dynamic_shared = shared;
    wrong = copy_parameters(*launch, parameters, extra);
    if (wrong != CUDA_SUCCESS) return wrong;
    auto command = std::make_shared<Command>();
    command->launch = std::move(launch);
    return submit(*stream, std::move(command));
}

} // namespace

DRIVER_API CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                                   CUstream stream, void** parameters, void** extra) {
    return launch_kernel(function, dim3(grid_x, grid_y, grid_z), dim3(block_x, block_y, block_z), shared,
                         stream, parameters, extra);
}

DRIVER_API CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction function, void** parameters,
                                     void** extra) {
    return launch_kernel(function, dim3(config->gridDimX, config->gridDimY, config->gridDimZ),
                         dim3(config->blockDimX, config->blockDimY, config->blockDimZ),
                         config->sharedMemBytes, config->hStream, parameters, extra);
}

DRIVER_API CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned grid_x, unsigned grid_y,
                                              unsigned grid_z, unsigned block_x, unsigned block_y,
                                              unsigned block_z, unsigned shared, CUstream stream,
                                              void** parameters) {
    return launch_kernel(function, dim3(grid_x, grid_y, grid_z), dim3(block_x, block_y, block_z), shared,
                         stream, parameters, nullptr);
}

// ---------------------------------------------------------------- the rest

DRIVER_API CUresult cuGetProcAddress_v2(const char* symbol, void** function, int, cuuint64_t,
                                        CUdriverProcAddressQueryResult* result) {
    std::string name = symbol;
    static void* own = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    *function = dlsym(own, (name + "_v2").c_str());
    if (*function == nullptr) *function = dlsym(own, name.c_str());
    bool found = *function != nullptr;
    if (result != nullptr) {
        *result = found ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    }
    return found ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}
