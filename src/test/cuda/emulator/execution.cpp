#include "execution.h"

#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

namespace emulator {

namespace {

// Read at each access of kernels that are checked.
__attribute__((tls_model("initial-exec"))) thread_local Processor* current_processor = nullptr;

constexpr size_t PAGE = 4096;

Fiber& running_fiber() { return static_cast<Fiber&>(self()); }

ResidentBlock& running_block() { return static_cast<ResidentBlock&>(*self().block); }

// The file's name without its folders.
const char* base_name(const char* path) {
    const char* slash = strrchr(path, '/');
    return slash == nullptr ? path : slash + 1;
}

std::string text(const char* format, ...) {
    char buffer[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    return buffer;
}

} // namespace

uint64_t Random::next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

// ---------------------------------------------------------------- blocks

ResidentBlock::ResidentBlock(Processor& processor, const KernelLaunch& launch, uint3 block_index,
                             uint64_t seed)
    : processor_(processor),
      launch_(launch),
      random_(seed),
      ordered_(seed == 0),
      fibers_(launch.threads()),
      operations_((launch.threads() + WARP - 1) / WARP),
      shared_area_(processor.take_shared_area()),
      variables_(processor.shared_variables(*launch.kernel)) {
    index = block_index;
    dimensions = launch.block;
    grid = launch.grid;
    poison_dynamic_shared();
    for (int i = 0; i < int(fibers_.size()); i++) {
        Fiber& fiber = fibers_[i];
        fiber.linear = i;
        fiber.index = make_uint3(i % dimensions.x, i / dimensions.x % dimensions.y,
                                 i / dimensions.x / dimensions.y);
        fiber.block = this;
        fiber.stack = processor.stacks.take();
        fiber.stack_pointer = prepare_stack(fiber.stack, &fiber, thread_main);
        next_.push_back(&fiber);
    }
}

ResidentBlock::~ResidentBlock() {
    for (auto fiber = fibers_.rbegin(); fiber != fibers_.rend(); fiber++) {
        processor_.stacks.give_back(fiber->stack);
    }
    processor_.give_back_shared_area(shared_area_);
    processor_.forget(*this);
}

void ResidentBlock::thread_main() {
    Fiber& fiber = running_fiber();
    ResidentBlock& block = running_block();
    block.launch_.kernel->call(block.launch_.parameters.data());
    fiber.finished = true;
    block.finished_++;
    block.progressed_ = true;
    block.processor_.leave(fiber);
    abort();
}

// The memory ends where its last 128 bytes end at an inaccessible page, so that what lies beyond
// faults; poison before it and in the rest of those 128 bytes shows smaller slips.
void ResidentBlock::poison_dynamic_shared() {
    size_t rounded = (launch_.dynamic_shared + 127) / 128 * 128;
    dynamic_shared = shared_area_ + SHARED_AREA_BYTES - rounded;
    size_t front = std::min<size_t>(256, SHARED_AREA_BYTES - rounded);
    memset(dynamic_shared - front, POISON, rounded + front);
}

void ResidentBlock::check_dynamic_shared() const {
    size_t rounded = (launch_.dynamic_shared + 127) / 128 * 128;
    for (size_t i = launch_.dynamic_shared; i < rounded; i++) {
        if (dynamic_shared[i] != POISON) {
            processor_.failure = {700, text("kernel %s, block (%u, %u, %u) wrote %zu bytes beyond the "
                                            "block's %u bytes of dynamic shared memory",
                                            launch_.kernel->name.c_str(), index.x, index.y, index.z,
                                            i - launch_.dynamic_shared, launch_.dynamic_shared)};
            return;
        }
    }
    size_t front = std::min<size_t>(256, SHARED_AREA_BYTES - rounded);
    for (size_t i = 1; i <= front; i++) {
        if (dynamic_shared[-ptrdiff_t(i)] != POISON) {
            processor_.failure = {700, text("kernel %s, block (%u, %u, %u) wrote %zu or fewer bytes "
                                            "before the block's dynamic shared memory",
                                            launch_.kernel->name.c_str(), index.x, index.y, index.z, i)};
            return;
        }
    }
}

bool ResidentBlock::run() {
    int threads = int(fibers_.size());
    while (finished_ < threads) {
        ready_.swap(next_);
        next_.clear();
        if (ready_.empty()) {
            processor_.failure = {702, text("kernel %s, block (%u, %u, %u): no thread can go on\n",
                                            launch_.kernel->name.c_str(), index.x, index.y, index.z) +
                                           waiting()};
            return false;
        }
        if (!ordered_) random_.shuffle(ready_);
        progressed_ = false;
        for (Fiber* fiber : ready_) {
            processor_.enter(*fiber);
            if (processor_.failure.error != 0) return false;
        }
        if (!progressed_) return false;
        processor_.progress->fetch_add(1, std::memory_order_relaxed);
    }
    check_dynamic_shared();
    return true;
}

void ResidentBlock::wait(Fiber& fiber, const char* what, Site site) {
    fiber.waits_for = what;
    fiber.site = site;
    processor_.leave(fiber);
    fiber.waits_for = nullptr;
}

void ResidentBlock::barrier(Fiber& fiber, Site site) {
    if (at_barrier_ == 0) {
        barrier_site_ = site;
    } else if (barrier_site_.line != site.line || strcmp(barrier_site_.file, site.file) != 0) {
        fail(719, "threads of a block wait at different barriers: %s:%d and %s:%d",
             base_name(barrier_site_.file), barrier_site_.line, base_name(site.file), site.line);
    }
    progressed_ = true;
    if (++at_barrier_ == int(fibers_.size())) {
        at_barrier_ = 0;
        for (Fiber& each : fibers_) next_.push_back(&each);
        processor_.leave(fiber);
    } else {
        wait(fiber, "__syncthreads", site);
    }
}

// Lanes of the warp that exist.
uint32_t ResidentBlock::lanes_of(int warp) const {
    int lanes = std::min<int>(WARP, int(fibers_.size()) - warp * WARP);
    return lanes == WARP ? ~0u : (1u << lanes) - 1;
}

void ResidentBlock::operate(Fiber& fiber, uint32_t mask, void* operands,
                            void (*combine)(const Lanes&), const char* what, Site site) {
    int lane = fiber.lane();
    if ((mask >> lane & 1) == 0) {
        fail(719, "%s: lane %d is not in its own mask 0x%08x", what, lane, mask);
    }
    WarpOperation& operation = operation_of(fiber.warp(), mask);
    if (operation.arrived == 0) {
        if (operation.lanes.mask != mask) operation.lanes = Lanes{mask, {}};
        operation.combine = combine;
        operation.what = what;
    } else if (operation.combine != combine) {
        fail(719, "lanes of a warp diverge: with mask 0x%08x some are at %s, others at %s", mask,
             operation.what, what);
    }
    operation.arrived |= 1u << lane;
    operation.lanes.operands[lane] = operands;
    uint32_t awaited = mask & lanes_of(fiber.warp());
    progressed_ = true;
    if (operation.arrived != awaited) {
        wait(fiber, what, site);
        return;
    }
    combine(operation.lanes);
    operation.arrived = 0;
    Fiber* first = &fibers_[fiber.warp() * WARP];
    for (uint32_t others = awaited & ~(1u << lane); others != 0; others &= others - 1) {
        next_.push_back(first + __builtin_ctz(others));
    }
}

// The operation under way with this mask, else a free one. Operations with other masks may be under
// way as well: some lanes may be further than others.
WarpOperation& ResidentBlock::operation_of(int warp, uint32_t mask) {
    std::vector<WarpOperation>& operations = operations_[size_t(warp)];
    WarpOperation* free = nullptr;
    for (WarpOperation& each : operations) {
        if (each.lanes.mask == mask) return each;
        if (each.arrived == 0) free = &each;
    }
    return free != nullptr ? *free : operations.emplace_back();
}

void ResidentBlock::spin(Fiber& fiber, Site site) {
    next_.push_back(&fiber);
    wait(fiber, "spin_pause", site);
}

// A copy may take place at any time between its start and the wait for it; which, is drawn.
void ResidentBlock::copy_async(Fiber& fiber, const AsyncCopy& copy) {
    if (reinterpret_cast<uintptr_t>(copy.shared) % 16 != 0 ||
        (copy.valid && reinterpret_cast<uintptr_t>(copy.global) % 16 != 0)) {
        fail(716, "cp_async_16 from %p to %p: both must be multiples of 16", copy.global, copy.shared);
    }
    if (copy.valid) check_access(reinterpret_cast<uintptr_t>(copy.global), 16, false);
    if (!is_shared(copy.shared, 16)) {
        fail(700, "cp_async_16 to %p, which is not in the block's shared memory", copy.shared);
    }
    if (!ordered_ && random_.below(2) == 0) {
        perform(copy);
    } else {
        fiber.copies.push_back(copy);
    }
}

void ResidentBlock::perform(const AsyncCopy& copy) {
    if (copy.valid) {
        memcpy(copy.shared, copy.global, 16);
    } else {
        memset(copy.shared, 0, 16);
    }
}

void ResidentBlock::wait_for_copies(Fiber& fiber, int groups_left) {
    size_t groups = fiber.group_ends.size();
    if (groups <= size_t(groups_left)) return;
    size_t complete = groups - size_t(groups_left);
    size_t copies = fiber.group_ends[complete - 1];
    for (size_t i = 0; i < copies; i++) perform(fiber.copies[i]);
    fiber.copies.erase(fiber.copies.begin(), fiber.copies.begin() + long(copies));
    fiber.group_ends.erase(fiber.group_ends.begin(), fiber.group_ends.begin() + long(complete));
    for (size_t& end : fiber.group_ends) end -= copies;
}

bool ResidentBlock::is_shared(const void* address, size_t bytes) const {
    auto at = static_cast<const unsigned char*>(address);
    if (at >= dynamic_shared && at + bytes <= dynamic_shared + launch_.dynamic_shared) return true;
    return at >= variables_.start && at + bytes <= variables_.start + variables_.bytes;
}

bool ResidentBlock::may_access(const Fiber& fiber, uintptr_t address, size_t bytes, bool writes) const {
    if (is_shared(reinterpret_cast<void*>(address), bytes)) return true;
    // What threadIdx and the like read, and constants.
    if (!writes && (address - uintptr_t(&fiber) < sizeof(Fiber) ||
                    address - uintptr_t(this) < sizeof(Block) ||
                    variables_.library.holds(address, bytes))) {
        return true;
    }
    return processor_.accessed.holds(address, bytes, processor_.device);
}

std::string ResidentBlock::describe(uintptr_t address) const {
    auto start = uintptr_t(dynamic_shared);
    auto end = start + launch_.dynamic_shared;
    std::string memory = text("the block's %u bytes of dynamic shared memory", launch_.dynamic_shared);
    uintptr_t area = uintptr_t(shared_area_);
    if (address - (area - PAGE) < SHARED_AREA_BYTES + 2 * PAGE) {
        if (address < start) return text("%zu bytes before ", start - address) + memory;
        return address < end ? "in " + memory : text("%zu bytes beyond ", address - end) + memory;
    }
    auto pointer = reinterpret_cast<const void*>(address);
    return describe_address == nullptr ? "unknown" : describe_address(pointer);
}

std::string ResidentBlock::waiting() const {
    std::string result;
    int from = 0;
    int groups = 0;
    int threads = int(fibers_.size());
    while (from < threads && groups < 32) {
        const Fiber& first = fibers_[from];
        int to = from + 1;
        while (to < threads && fibers_[to].finished == first.finished &&
               fibers_[to].waits_for == first.waits_for && fibers_[to].site.line == first.site.line) {
            to++;
        }
        result += text("  threads %d to %d ", from, to - 1);
        if (first.finished) {
            result += "have returned\n";
        } else if (first.waits_for == nullptr) {
            result += "can run\n";
        } else {
            result += text("wait at %s (%s:%d)\n", first.waits_for, base_name(first.site.file),
                           first.site.line);
        }
        from = to;
        groups++;
    }
    return from < threads ? result + "  and so on\n" : result;
}

// ---------------------------------------------------------------- launches

Execution::Execution(Processor& processor, std::shared_ptr<const KernelLaunch> launch, uint64_t seed,
                     int most_resident)
    : processor_(processor), launch_(std::move(launch)), seed_(seed), most_resident_(most_resident) {
    uint64_t blocks = launch_->blocks();
    order_.resize(blocks);
    for (uint64_t i = 0; i < blocks; i++) order_[i] = blocks - 1 - i;
    if (seed != 0) Random(seed).shuffle(order_);
}

bool Execution::advance() {
    for (;;) {
        for (size_t i = 0; i < resident_.size();) {
            processor_.activate(*resident_[i]);
            bool finished = resident_[i]->run();
            if (processor_.failure.error != 0) return false;
            if (finished) {
                resident_.erase(resident_.begin() + long(i));
            } else {
                i++;
            }
        }
        if (order_.empty() && resident_.empty()) return true;
        if (order_.empty() || resident_.size() >= most_resident_) return false;
        resident_.push_back(start_block());
    }
}

std::string Execution::waiting() const {
    std::string result;
    for (const auto& block : resident_) {
        result += text("  block (%u, %u, %u)\n", block->index.x, block->index.y, block->index.z) +
                  block->waiting();
    }
    return order_.empty() ? result : result + text("  %zu blocks have not begun\n", order_.size());
}

std::unique_ptr<ResidentBlock> Execution::start_block() {
    uint64_t linear = order_.back();
    order_.pop_back();
    const dim3& grid = launch_->grid;
    uint3 index = make_uint3(unsigned(linear % grid.x), unsigned(linear / grid.x % grid.y),
                             unsigned(linear / grid.x / grid.y));
    uint64_t seed = seed_ == 0 ? 0 : Random(seed_ + linear).next() | 1;
    return std::make_unique<ResidentBlock>(processor_, *launch_, index, seed);
}

// ---------------------------------------------------------------- processors

Processor* Processor::current() { return current_processor; }

void Processor::attach() {
    current_processor = this;
    thread_ = pthread_self();
    stack_t alternate{};
    alternate.ss_size = 64 * 1024;
    alternate.ss_sp = signal_stack_ = malloc(alternate.ss_size);
    sigaltstack(&alternate, nullptr);
}

Processor::~Processor() {
    for (unsigned char* area : shared_areas_) munmap(area - PAGE, SHARED_AREA_BYTES + 2 * PAGE);
    free(signal_stack_); // its thread has ended or is about to, without another fault
}

void Processor::enter(Fiber& fiber) {
    in_kernel_.store(true, std::memory_order_relaxed);
    turns_.store(turns_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    emulator_switch_stack(&main_stack_pointer_, fiber.stack_pointer);
    in_kernel_.store(false, std::memory_order_relaxed);
}

void Processor::interrupt() { pthread_kill(thread_, interrupt_signal()); }

void Processor::leave(Fiber& fiber) { emulator_switch_stack(&fiber.stack_pointer, main_stack_pointer_); }

void Processor::abandon(int error, std::string message) {
    failure = {error, std::move(message)};
    void* left;
    emulator_switch_stack(&left, main_stack_pointer_);
    abort();
}

namespace {

struct Search {
    uintptr_t code;
    SharedVariables* found;
};

// Finds the thread-local variables, on this thread, of the library that holds `code`.
int match_library(dl_phdr_info* info, size_t, void* data) {
    auto& search = *static_cast<Search*>(data);
    bool holds = false;
    size_t bytes = 0;
    AccessRange range{~uintptr_t(0), 0};
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr)& header = info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + header.p_vaddr;
        if (header.p_type == PT_LOAD) {
            holds |= search.code - start < header.p_memsz;
            range.start = std::min(range.start, start);
            range.end = std::max(range.end, start + header.p_memsz);
        }
        if (header.p_type == PT_TLS) bytes = header.p_memsz;
    }
    if (!holds) return 0;
    search.found->start = static_cast<unsigned char*>(info->dlpi_tls_data);
    search.found->bytes = bytes;
    search.found->library = range;
    return 1;
}

} // namespace

SharedVariables& Processor::shared_variables(const Kernel& kernel) {
    SharedVariables& variables = shared_variables_[kernel.library];
    if (variables.start == nullptr) {
        kernel.shared_variables(); // the first touch on a thread allocates them
        Search search{reinterpret_cast<uintptr_t>(kernel.call), &variables};
        dl_iterate_phdr(match_library, &search);
    }
    return variables;
}

void Processor::activate(ResidentBlock& block) {
    SharedVariables& variables = shared_variables(*block.launch().kernel);
    if (variables.owner == &block) return;
    if (variables.owner != nullptr) {
        variables.owner->saved_shared.assign(variables.start, variables.start + variables.bytes);
    }
    if (block.saved_shared.empty()) {
        memset(variables.start, POISON, variables.bytes);
    } else {
        memcpy(variables.start, block.saved_shared.data(), variables.bytes);
    }
    variables.owner = &block;
}

void Processor::forget(ResidentBlock& block) {
    SharedVariables& variables = shared_variables(*block.launch().kernel);
    if (variables.owner == &block) variables.owner = nullptr;
}

unsigned char* Processor::take_shared_area() {
    if (shared_areas_.empty()) {
        void* mapped = mmap(nullptr, SHARED_AREA_BYTES + 2 * PAGE, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapped == MAP_FAILED) {
            perror("emulator: shared memory");
            abort();
        }
        auto area = static_cast<unsigned char*>(mapped) + PAGE;
        mprotect(area, SHARED_AREA_BYTES, PROT_READ | PROT_WRITE);
        return area;
    }
    unsigned char* area = shared_areas_.back();
    shared_areas_.pop_back();
    return area;
}

// ---------------------------------------------------------------- what kernels call

void fail(int error, const char* format, ...) {
    char buffer[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    Fiber& fiber = running_fiber();
    ResidentBlock& block = running_block();
    Processor::current()->abandon(
        error, text("kernel %s, block (%u, %u, %u), thread (%u, %u, %u): ",
                    block.launch().kernel->name.c_str(), block.index.x, block.index.y, block.index.z,
                    fiber.index.x, fiber.index.y, fiber.index.z) +
                   buffer);
}

void check_access(uintptr_t address, size_t bytes, bool writes) {
    if (current_processor == nullptr || !current_processor->in_kernel()) return;
    Fiber& fiber = running_fiber();
    if (address - uintptr_t(fiber.stack) < STACK_BYTES) return;
    if (running_block().may_access(fiber, address, bytes, writes)) return;
    fail(700, "%s %zu bytes at %p: %s", writes ? "writes" : "reads", bytes,
         reinterpret_cast<void*>(address), running_block().describe(address).c_str());
}

void block_barrier(Site site) { running_block().barrier(running_fiber(), site); }

void warp_operation(uint32_t mask, void* operands, void (*combine)(const Lanes&), const char* what,
                    Site site) {
    running_block().operate(running_fiber(), mask, operands, combine, what, site);
}

void spin(Site site) { running_block().spin(running_fiber(), site); }

void copy_async(void* shared, const void* global, bool valid) {
    running_block().copy_async(running_fiber(), {shared, global, valid});
}

void commit_copies() {
    Fiber& fiber = running_fiber();
    fiber.group_ends.push_back(fiber.copies.size());
}

void wait_for_copies(int groups_left) { running_block().wait_for_copies(running_fiber(), groups_left); }

bool is_shared(const void* address, size_t bytes) { return running_block().is_shared(address, bytes); }

// ---------------------------------------------------------------- faults

namespace {

struct sigaction previous_segv, previous_bus, previous_fpe, previous_ill;

// Runs on the stack of the fiber that faulted, which never goes on.
void after_fault(int signal, const void* address) {
    if (signal == SIGFPE) fail(719, "integer division by zero");
    if (signal == interrupt_signal()) fail(702, "runs for too long without waiting for anything");
    if (signal == SIGILL) fail(719, "comes to code that the compiler found to be undefined");
    fail(700, "touches %p: %s", address, running_block().describe(uintptr_t(address)).c_str());
}

struct sigaction& previous(int signal) {
    switch (signal) {
        case SIGSEGV: return previous_segv;
        case SIGBUS: return previous_bus;
        case SIGFPE: return previous_fpe;
        default: return previous_ill;
    }
}

// Lets the fiber that the signal met go on in after_fault.
void redirect(int signal, siginfo_t* info, void* context) {
    auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    uintptr_t top = (uintptr_t(registers[REG_RSP]) | (STACK_BYTES - 1)) + 1;
    registers[REG_RSP] = greg_t(top - 256 - 8); // as after a call; the thread's word stays
    registers[REG_RIP] = greg_t(after_fault);
    registers[REG_RDI] = signal;
    registers[REG_RSI] = greg_t(info->si_addr);
}

void on_interrupt(int signal, siginfo_t* info, void* context) {
    Processor* processor = current_processor;
    if (processor == nullptr || !processor->in_kernel()) return;
    auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
    uintptr_t top = (uintptr_t(registers[REG_RSP]) | (STACK_BYTES - 1)) + 1;
    auto block = static_cast<ResidentBlock*>(reinterpret_cast<Thread**>(top)[-1]->block);
    if (block->is_code(uintptr_t(registers[REG_RIP]))) redirect(signal, info, context);
}

void on_fault(int signal, siginfo_t* info, void* context) {
    if (current_processor != nullptr && current_processor->in_kernel()) {
        redirect(signal, info, context);
        return;
    }
    struct sigaction& before = previous(signal);
    if ((before.sa_flags & SA_SIGINFO) != 0) {
        before.sa_sigaction(signal, info, context);
    } else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN) {
        sigaction(signal, &before, nullptr);
    } else {
        before.sa_handler(signal);
    }
}

void install(int signal) {
    sigaction(signal, nullptr, &previous(signal));
    struct sigaction action{};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    action.sa_mask = previous(signal).sa_mask;
    sigaction(signal, &action, nullptr);
}

} // namespace

std::string (*describe_address)(const void* address) = nullptr;

int interrupt_signal() { return SIGRTMIN + 6; }

void install_fault_handler() {
    static bool installed = false;
    if (installed) return;
    installed = true;
    install(SIGSEGV);
    install(SIGBUS);
    install(SIGFPE);
    install(SIGILL);
    struct sigaction action{};
    action.sa_sigaction = on_interrupt;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigaction(interrupt_signal(), &action, nullptr);
}

} // namespace emulator
