// How a launch runs: its blocks, their threads, and what these wait for.
#pragma once

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <vector_functions.h>

#include "checks.h"
#include "fibers.h"

namespace emulator {

// A shared library of kernels.
struct KernelLibrary;

// A kernel as its library registered it.
struct Kernel {
    std::string name;
    const KernelLibrary* library;
    void (*call)(void* const* parameters);
    std::vector<size_t> parameter_bytes;
    void* (*shared_variables)(); // an address among this thread's copy of the library's
    bool checked;                // the emulator sees each of its accesses
};

// A launch as it was asked for, with its own copy of the parameters.
struct KernelLaunch {
    const Kernel* kernel;
    dim3 grid;
    dim3 block;
    unsigned dynamic_shared;
    std::vector<unsigned char> parameter_bytes;
    std::vector<void*> parameters; // into parameter_bytes

    uint64_t blocks() const { return uint64_t(grid.x) * grid.y * grid.z; }

    int threads() const { return int(block.x * block.y * block.z); }
};

// An error of a kernel while it runs.
struct Failure {
    int error = 0;
    std::string message;
};

// SplitMix64.
class Random {
public:
    explicit Random(uint64_t seed) : state_(seed) {}

    uint64_t next();

    unsigned below(unsigned bound) { return unsigned((next() >> 32) * bound >> 32); }

    template <class T>
    void shuffle(std::vector<T>& values) {
        for (size_t i = values.size(); i > 1; i--) std::swap(values[i - 1], values[below(unsigned(i))]);
    }

private:
    uint64_t state_;
};

struct AsyncCopy {
    void* shared;
    const void* global;
    bool valid;
};

struct Fiber : Thread {
    void* stack_pointer = nullptr;
    char* stack = nullptr;
    bool finished = false;
    const char* waits_for = nullptr;
    Site site{};
    std::vector<AsyncCopy> copies;     // not performed yet
    std::vector<size_t> group_ends;    // counts of copies that the committed groups end at
};

// An operation that some lanes of a warp have come to; free when no lane has.
struct WarpOperation {
    uint32_t arrived = 0;
    void (*combine)(const Lanes&) = nullptr;
    const char* what = nullptr;
    Lanes lanes{};
};

class Processor;

// The static shared variables of a library's kernels, of the thread that asks for them.
struct SharedVariables {
    unsigned char* start = nullptr;
    size_t bytes = 0;
    class ResidentBlock* owner = nullptr;
    AccessRange library; // code and constants
};

// A block on its way. Threads that can run take turns in sweeps: each of them once, in random order,
// until it waits.
class ResidentBlock : public Block {
public:
    ResidentBlock(Processor& processor, const KernelLaunch& launch, uint3 index, uint64_t seed);
    ~ResidentBlock();
    ResidentBlock(const ResidentBlock&) = delete;

    // Runs sweeps until all threads have finished, or those that can run do nothing but spin.
    // Returns whether all have finished.
    bool run();

    void barrier(Fiber& fiber, Site site);
    void operate(Fiber& fiber, uint32_t mask, void* operands, void (*combine)(const Lanes&),
                 const char* what, Site site);
    void spin(Fiber& fiber, Site site);
    void copy_async(Fiber& fiber, const AsyncCopy& copy);
    void wait_for_copies(Fiber& fiber, int groups_left);
    bool is_shared(const void* address, size_t bytes) const;

    // Whether the address is one of the kernel's code.
    bool is_code(uintptr_t address) const { return variables_.library.holds(address, 1); }

    // Whether the running thread may access the bytes.
    bool may_access(const Fiber& fiber, uintptr_t address, size_t bytes, bool writes) const;

    // Where the address lies, for messages.
    std::string describe(uintptr_t address) const;

    // Which threads wait where.
    std::string waiting() const;

    // The kernel's static shared variables while another block has their place.
    std::vector<unsigned char> saved_shared;

    const KernelLaunch& launch() const { return launch_; }

private:
    static void thread_main();

    void poison_dynamic_shared();
    void check_dynamic_shared() const;
    void wait(Fiber& fiber, const char* what, Site site);
    uint32_t lanes_of(int warp) const;
    WarpOperation& operation_of(int warp, uint32_t mask);
    static void perform(const AsyncCopy& copy);

    Processor& processor_;
    const KernelLaunch& launch_;
    Random random_;
    bool ordered_; // threads in order, copies as late as possible
    std::vector<Fiber> fibers_;
    std::vector<Fiber*> ready_;
    std::vector<Fiber*> next_;
    std::vector<std::vector<WarpOperation>> operations_; // by warp
    int finished_ = 0;
    int at_barrier_ = 0;
    Site barrier_site_{};
    bool progressed_ = false;
    unsigned char* shared_area_;
    const SharedVariables& variables_;
};

// One launch in progress.
class Execution {
public:
    Execution(Processor& processor, std::shared_ptr<const KernelLaunch> launch, uint64_t seed,
              int most_resident);

    // Runs until all blocks have finished, or all that may be resident spin. Returns whether all have
    // finished. After a failure (see Processor) it mustn't be called again.
    bool advance();

    // Which threads of the blocks that have begun wait where.
    std::string waiting() const;

    const KernelLaunch& launch() const { return *launch_; }

private:
    std::unique_ptr<ResidentBlock> start_block();

    Processor& processor_;
    std::shared_ptr<const KernelLaunch> launch_;
    uint64_t seed_;
    size_t most_resident_;
    std::vector<uint64_t> order_; // blocks not started yet, the next one last
    std::vector<std::unique_ptr<ResidentBlock>> resident_;
};

// What the operating system's thread of a device runs blocks with.
class Processor {
public:
    Processor() = default;
    ~Processor();
    Processor(const Processor&) = delete;

    // The one of this thread; null on others.
    static Processor* current();

    // To be called once on the thread that will run blocks.
    void attach();

    // The failure of the kernel that ran last; error 0 when there was none.
    Failure failure;

    void enter(Fiber& fiber);
    void leave(Fiber& fiber);
    [[noreturn]] void abandon(int error, std::string message);

    // Whether this thread runs a fiber now.
    bool in_kernel() const { return in_kernel_; }

    // How often fibers have been let run.
    uint64_t turns() const { return turns_; }

    // Fails the launch whose fiber runs now, unless it does so outside of its kernel's code. For other
    // threads.
    void interrupt();

    // Counts how often a thread gets further than to spin once more; set before it attaches.
    std::atomic<uint64_t>* progress = nullptr;

    // Puts the block's static shared variables in place.
    void activate(ResidentBlock& block);
    void forget(ResidentBlock& block);
    SharedVariables& shared_variables(const Kernel& kernel);

    int device = 0;
    AccessCache accessed;

    StackPool stacks;

    // Room for a block's dynamic shared memory, inaccessible pages on both sides.
    unsigned char* take_shared_area();
    void give_back_shared_area(unsigned char* area) { shared_areas_.push_back(area); }

private:
    void* main_stack_pointer_ = nullptr;
    std::atomic<bool> in_kernel_{false};
    std::atomic<uint64_t> turns_{0};
    pthread_t thread_{};
    void* signal_stack_ = nullptr;
    std::vector<unsigned char*> shared_areas_;
    std::map<const KernelLibrary*, SharedVariables> shared_variables_;
};

constexpr size_t PAGE = 4096;
constexpr size_t SHARED_AREA_BYTES = 256 * 1024;
constexpr unsigned char POISON = 0xFF; // a NaN as bf16, float and double, -1 as an integer

// Formats as printf does.
std::string text(const char* format, ...) __attribute__((format(printf, 1, 2)));

// What interrupts a thread, see Processor::interrupt.
int interrupt_signal();

// Answers faults of kernels with a failure of their launch; others go on to who handled them before.
void install_fault_handler();

// What the address is, for messages; set by the memory of the devices.
extern std::string (*describe_address)(const void* address);

} // namespace emulator
