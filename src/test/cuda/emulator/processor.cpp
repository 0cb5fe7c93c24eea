// The thread that runs blocks, what kernels call on it, and faults that it meets.
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

Fiber& running_fiber() { return static_cast<Fiber&>(self()); }

ResidentBlock& running_block() { return static_cast<ResidentBlock&>(*self().block); }

} // namespace

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
