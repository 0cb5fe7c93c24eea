// The emulated machine: devices, what is loaded on them, settings and injected faults.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "graphs.h"
#include "memory.h"
#include "streams.h"

namespace emulator {

struct KernelLibrary {
    std::string path;
    std::map<std::string, Kernel> kernels;
};

struct Function {
    const Kernel* kernel = nullptr;
    int most_dynamic_shared = 48 * 1024;
};

struct Module {
    KernelLibrary* library = nullptr;
    std::map<std::string, std::unique_ptr<Function>> functions;
};

// Something that goes wrong on purpose. Counts begin at 1.
struct Fault {
    enum Kind { STICKY, NOT_A_NUMBER, OUT_OF_MEMORY, SLOW };

    Kind kind;
    int device = -1; // -1: any
    std::string kernel;
    uint64_t at = 0; // the device's n-th launch, the kernel's n-th launch, the device's n-th allocation
    int value = 0;   // STICKY: the driver's error; SLOW: milliseconds
};

struct Settings {
    uint64_t seed = 0;
    bool stub = false; // launches and copies do nothing, memory is addresses only
    int multiprocessors = 4;
    std::chrono::milliseconds spin_limit{20000};
    std::string kernels; // path of the kernel library; empty: libkernels.so beside this one
    std::vector<Fault> faults;
};

struct Device : std::enable_shared_from_this<Device> {
    Device(int ordinal, size_t memory_bytes);

    int ordinal;
    DeviceMemory memory;
    int retained = 0;
    std::set<int> peers; // devices whose memory it may use
    int sticky = 0;      // the error that every call returns from now on
    std::shared_ptr<Stream> default_stream;
    std::vector<std::shared_ptr<Stream>> streams; // including the default one

    uint64_t launches = 0;
    uint64_t allocations = 0;
    std::map<std::string, uint64_t> kernel_launches;

    // Starts the device's thread if it doesn't run yet.
    void start();

    Ticket enqueue(Stream& stream, std::shared_ptr<const Command> command, std::vector<Ticket> after);
    bool is_idle() const;
    bool reaches(const Device& other) const;

    // Gives up what the context holds.
    void reset();

    // Lets the device's thread end.
    void retire();

    // Fails a launch of which one thread runs on and on. To be called now and then.
    void interrupt_if_stuck();

private:
    using Lock = std::unique_lock<std::mutex>;

    void work();
    Stream* choose();
    void step(Stream& stream, Lock& lock);
    void begin(QueuedCommand& queued, Lock& lock);
    void apply_faults(QueuedCommand& queued, Lock& lock);
    bool advance(QueuedCommand& queued, Lock& lock);
    void complete(Stream& stream);
    void drop_everything();
    void fail(Failure failure);
    void let_others_run();
    void check_progress(const Execution& execution);

    void wait_for_work(Lock& lock);
    void open_memory();
    void close_memory();

    Processor processor_;
    std::vector<std::shared_ptr<Device>> opened_; // whose memory this one's work may use now
    bool started_ = false;
    bool retired_ = false;
    Random random_{1};
    uint64_t seen_progress_ = 0;
    uint64_t seen_turns_ = 0;
    std::chrono::steady_clock::time_point last_turn_;
    int fruitless_ = 0; // turns since somebody got further
    std::chrono::steady_clock::time_point last_progress_;

    friend class Machine;
    bool open_ = false; // whether queued work may run before somebody asks for its results
    std::chrono::steady_clock::time_point closed_until_;
};

// Everything there is. One lock guards it all; kernels and copies run without it.
class Machine {
public:
    std::mutex mutex;
    std::condition_variable changed;
    Settings settings;
    std::vector<std::shared_ptr<Device>> devices;
    PinnedMemory pinned;
    std::string last_failure;
    std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
    bool initialised = false;

    // How often a thread of any device got further than to spin once more.
    std::atomic<uint64_t> progress{0};

    std::unordered_set<const void*> handles; // of modules, functions, events, graphs
    std::vector<std::weak_ptr<Capture>> captures;

    // Makes the devices anew. Handles to what was on them are void.
    void set_devices(int count, size_t memory_bytes);

    KernelLibrary* load_library(const std::string& path, std::string* error);

    // Lets all queued work run and waits until the condition holds.
    template <class Condition>
    void wait(std::unique_lock<std::mutex>& lock, Condition condition) {
        open();
        changed.wait(lock, condition);
    }

    void open();

    // Starts the thread that looks after kernels which never end.
    void start_watching();

    Device* device_of(uintptr_t address) const;

private:
    void watch();

    bool watching_ = false;
    std::map<std::string, std::unique_ptr<KernelLibrary>> libraries_;
};

Machine& machine();

// Reads "sticky@0:12=700, nan@lm_head:3, oom@1:5, slow@paged_attention:1=50": kind, device or kernel,
// count, value. Returns false when it can't be read.
bool parse_faults(const std::string& text, std::vector<Fault>* faults);

} // namespace emulator
