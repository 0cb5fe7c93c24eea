#include "devices.h"

#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <sstream>
#include <utility>

namespace emulator {

namespace {

using Clock = std::chrono::steady_clock;

// How long queued work waits for somebody to ask for its results before it runs anyway.
constexpr std::chrono::milliseconds CLOSED_TIME{2};

KernelLibrary* loading = nullptr;

std::string describe(const void* pointer) {
    uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
    Machine& all = machine();
    std::lock_guard<std::mutex> lock(all.mutex);
    for (const auto& device : all.devices) {
        std::string text = device->memory.describe(address);
        if (!text.empty()) return text + " of device " + std::to_string(device->ordinal);
    }
    if (address == 0) return "null, or an address that no memory can have";
    if (address < 4096) return "near null";
    return "not the memory of a device";
}

constexpr size_t MOST_SPOILT = size_t(64) << 20;

// Memory that a launch may write to: allocations whose addresses its parameters hold. Pools of keys
// and values are too large to be looked through.
std::vector<Allocation> reachable(const Device& device, const KernelLaunch& launch) {
    std::vector<Allocation> result;
    for (size_t at = 0; at + sizeof(uintptr_t) <= launch.parameter_bytes.size(); at += sizeof(uintptr_t)) {
        uintptr_t address;
        memcpy(&address, launch.parameter_bytes.data() + at, sizeof address);
        const Allocation* allocation = device.memory.find(address);
        if (allocation == nullptr || allocation->bytes > MOST_SPOILT) continue;
        bool known = std::any_of(result.begin(), result.end(), [&](const Allocation& each) {
            return each.start == allocation->start;
        });
        if (!known) result.push_back(*allocation);
    }
    return result;
}

std::vector<unsigned char> content(const Allocation& allocation) {
    auto start = reinterpret_cast<const unsigned char*>(allocation.start);
    return {start, start + allocation.bytes};
}

// Overwrites each changed word with NaN.
void spoil_changes(const Allocation& allocation, const std::vector<unsigned char>& before) {
    auto now = reinterpret_cast<unsigned char*>(allocation.start);
    constexpr size_t word = 4;
    for (size_t at = 0; at < allocation.bytes; at += word) {
        size_t bytes = std::min(word, allocation.bytes - at);
        if (memcmp(now + at, before.data() + at, bytes) != 0) memset(now + at, POISON, bytes);
    }
}

} // namespace

bool Ticket::is_done() const { return stream == nullptr || stream->completed >= number; }

Machine& machine() {
    static Machine* all = new Machine; // never destroyed: threads outlive main
    return *all;
}

// ---------------------------------------------------------------- devices

Device::Device(int number, size_t memory_bytes) : ordinal(number) {
    memory.capacity = memory_bytes;
    default_stream = std::make_shared<Stream>();
    default_stream->device = this;
    streams.push_back(default_stream);
}

void Device::start() {
    if (started_) return;
    started_ = true;
    // Signals meant for the process are for threads that expect them.
    sigset_t all, before;
    sigfillset(&all);
    for (int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, interrupt_signal()}) {
        sigdelset(&all, own);
    }
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([self = shared_from_this()] { self->work(); }).detach();
    machine().start_watching();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Device::interrupt_if_stuck() {
    uint64_t turns = processor_.turns();
    if (!processor_.in_kernel() || turns != seen_turns_) {
        seen_turns_ = turns;
        last_turn_ = Clock::now();
    } else if (Clock::now() - last_turn_ > 3 * machine().settings.spin_limit) {
        processor_.interrupt();
    }
}

Ticket Device::enqueue(Stream& stream, std::shared_ptr<const Command> command,
                       std::vector<Ticket> after) {
    start();
    if (&stream == default_stream.get()) {
        for (const auto& each : streams) {
            if (each->blocking && each.get() != &stream) after.push_back(each->tail());
        }
    } else if (stream.blocking) {
        after.push_back(default_stream->tail());
    }
    if (is_idle() && !open_) closed_until_ = Clock::now() + CLOSED_TIME;
    stream.queue.push_back({std::move(command), std::move(after), nullptr});
    stream.enqueued++;
    machine().changed.notify_all();
    return stream.tail();
}

bool Device::is_idle() const {
    return std::all_of(streams.begin(), streams.end(),
                       [](const auto& stream) { return stream->queue.empty(); });
}

bool Device::reaches(const Device& other) const {
    return &other == this || peers.count(other.ordinal) != 0;
}

void Device::reset() {
    drop_everything();
    memory.release_all();
    peers.clear();
    sticky = 0;
}

void Device::retire() {
    reset();
    retired_ = true;
}

void Device::work() {
    Machine& all = machine();
    processor_.progress = &all.progress;
    processor_.device = ordinal;
    processor_.attach();
    Lock lock(all.mutex);
    for (;;) {
        if (sticky != 0) drop_everything();
        if (retired_) {
            close_memory();
            return;
        }
        if (is_idle()) {
            open_ = false;
            wait_for_work(lock);
            continue;
        }
        if (!open_ && Clock::now() < closed_until_) {
            all.changed.wait_until(lock, closed_until_);
            continue;
        }
        open_ = true;
        open_memory();
        Stream* stream = choose();
        if (stream == nullptr) {
            all.changed.wait(lock);
        } else {
            step(*stream, lock);
        }
    }
}

// Closing memory and opening it again takes long: not between one piece of work and the next.
void Device::wait_for_work(Lock& lock) {
    std::condition_variable& changed = machine().changed;
    if (opened_.empty()) {
        changed.wait(lock);
    } else if (!changed.wait_for(lock, CLOSED_TIME, [this] { return !is_idle() || retired_; })) {
        close_memory();
    }
}

void Device::open_memory() {
    std::vector<std::shared_ptr<Device>> reached;
    for (const auto& device : machine().devices) {
        if (reaches(*device)) reached.push_back(device);
    }
    if (reached == opened_) return;
    for (const auto& device : reached) device->memory.open();
    close_memory();
    opened_ = std::move(reached);
}

void Device::close_memory() {
    for (const auto& device : opened_) device->memory.close();
    opened_.clear();
}

// A stream whose next command may run, at random; null when there is none.
Stream* Device::choose() {
    std::vector<Stream*> candidates;
    for (const auto& stream : streams) {
        if (stream->queue.empty()) continue;
        const std::vector<Ticket>& after = stream->queue.front().after;
        bool ready = std::all_of(after.begin(), after.end(), [](const Ticket& t) { return t.is_done(); });
        if (ready) candidates.push_back(stream.get());
    }
    if (candidates.empty()) return nullptr;
    return candidates[random_.below(unsigned(candidates.size()))];
}

void Device::step(Stream& stream, Lock& lock) {
    std::shared_ptr<Stream> kept = stream.shared_from_this();
    QueuedCommand queued = std::move(stream.queue.front());
    bool done = true;
    if (queued.command->launch != nullptr) {
        if (queued.execution == nullptr) begin(queued, lock);
        done = sticky != 0 || advance(queued, lock);
    } else if (queued.command->run) {
        lock.unlock();
        queued.command->run();
        lock.lock();
    }
    if (done) {
        complete(stream);
    } else if (!stream.queue.empty()) {
        stream.queue.front() = std::move(queued);
    }
}

void Device::complete(Stream& stream) {
    if (!stream.queue.empty()) {
        stream.queue.pop_front();
        stream.completed++;
    }
    machine().changed.notify_all();
}

void Device::drop_everything() {
    for (const auto& stream : streams) {
        stream->completed += stream->queue.size();
        stream->queue.clear();
    }
    machine().changed.notify_all();
}

void Device::begin(QueuedCommand& queued, Lock& lock) {
    const KernelLaunch& launch = *queued.command->launch;
    Settings& settings = machine().settings;
    launches++;
    kernel_launches[launch.kernel->name]++;
    if (settings.seed != 0 && launches == 1) random_ = Random(settings.seed + uint64_t(ordinal));
    uint64_t seed = settings.seed * 1000003 + uint64_t(ordinal) * 7919 + launches;
    int most = std::max(1, 2048 / launch.threads()) * settings.multiprocessors;
    queued.execution = std::make_unique<Execution>(
        processor_, queued.command->launch, settings.seed == 0 ? 0 : Random(seed).next() | 1, most);
    processor_.accessed.clear();
    last_progress_ = Clock::now();
    apply_faults(queued, lock);
}

void Device::apply_faults(QueuedCommand& queued, Lock& lock) {
    const std::string& kernel = queued.command->launch->kernel->name;
    for (const Fault& fault : std::vector<Fault>(machine().settings.faults)) {
        bool this_kernel = fault.kernel == kernel && kernel_launches[kernel] == fault.at;
        if (fault.kind == Fault::STICKY && fault.device == ordinal && launches == fault.at) {
            fail({fault.value, "injected fault at launch " + std::to_string(launches)});
        } else if (fault.kind == Fault::NOT_A_NUMBER && this_kernel) {
            queued.spoil = true;
        } else if (fault.kind == Fault::SLOW && this_kernel) {
            lock.unlock();
            std::this_thread::sleep_for(std::chrono::milliseconds(fault.value));
            lock.lock();
        }
    }
}

// Goes on with a launch. Returns whether it is done.
bool Device::advance(QueuedCommand& queued, Lock& lock) {
    const KernelLaunch& launch = *queued.command->launch;
    std::vector<Allocation> outputs;
    if (queued.spoil) outputs = reachable(*this, launch);
    lock.unlock();
    std::vector<std::vector<unsigned char>> before;
    for (const Allocation& output : outputs) before.push_back(content(output));
    bool done = queued.execution->advance();
    for (size_t i = 0; i < before.size(); i++) spoil_changes(outputs[i], before[i]);
    bool spins = !done && processor_.failure.error == 0;
    if (spins) let_others_run();
    lock.lock();
    if (spins) check_progress(*queued.execution);
    if (done && !launch.kernel->checked) {
        std::string damage = memory.damage();
        if (!damage.empty()) {
            processor_.failure = {700, "kernel " + launch.kernel->name + " wrote " + damage};
        }
    }
    if (processor_.failure.error != 0) {
        queued.execution.reset();
        fail(std::exchange(processor_.failure, Failure()));
        return true;
    }
    return done;
}

// Other devices' threads, and the host's.
void Device::let_others_run() {
    if (++fruitless_ < 100) {
        sched_yield();
    } else {
        std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
}

// Fails a launch that spins for too long, while no other device gets further.
void Device::check_progress(const Execution& execution) {
    uint64_t progress = machine().progress;
    if (progress != seen_progress_) {
        seen_progress_ = progress;
        fruitless_ = 0;
        last_progress_ = Clock::now();
    } else if (Clock::now() - last_progress_ > machine().settings.spin_limit) {
        processor_.failure = {702, "kernel " + execution.launch().kernel->name +
                                       " spins and nobody answers\n" + execution.waiting()};
    }
}

void Device::fail(Failure failure) {
    Machine& all = machine();
    sticky = failure.error;
    all.last_failure = "device " + std::to_string(ordinal) + ": " + failure.message;
    if (all.settings.seed != 0) all.last_failure += " (seed " + std::to_string(all.settings.seed) + ")";
    fprintf(stderr, "CUDA emulator: error %d, %s\n", sticky, all.last_failure.c_str());
    all.changed.notify_all();
}

// ---------------------------------------------------------------- the machine

void Machine::set_devices(int count, size_t memory_bytes) {
    for (auto& device : devices) device->retire();
    devices.clear();
    changed.notify_all();
    for (int i = 0; i < count; i++) devices.push_back(std::make_shared<Device>(i, memory_bytes));
    describe_address = describe;
}

void Machine::start_watching() {
    if (watching_) return;
    watching_ = true;
    std::thread([this] { watch(); }).detach();
}

void Machine::watch() {
    for (;;) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        std::lock_guard<std::mutex> lock(mutex);
        for (const auto& device : devices) device->interrupt_if_stuck();
    }
}

void Machine::open() {
    for (auto& device : devices) device->open_ = true;
    changed.notify_all();
}

Device* Machine::device_of(uintptr_t address) const {
    for (const auto& device : devices) {
        if (device->memory.owns(address)) return device.get();
    }
    return nullptr;
}

KernelLibrary* Machine::load_library(const std::string& path, std::string* error) {
    auto known = libraries_.find(path);
    if (known != libraries_.end()) return known->second.get();
    auto library = std::make_unique<KernelLibrary>();
    library->path = path;
    loading = library.get();
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    loading = nullptr;
    if (handle == nullptr) {
        *error = dlerror();
        return nullptr;
    }
    return (libraries_[path] = std::move(library)).get();
}

void register_kernel(const KernelDescription& kernel) {
    if (loading == nullptr) return;
    std::vector<size_t> bytes(kernel.parameter_bytes, kernel.parameter_bytes + kernel.parameters);
    loading->kernels[kernel.name] = {kernel.name, loading, kernel.call, bytes, kernel.shared_variables,
                                     kernel.checked};
}

// ---------------------------------------------------------------- faults

namespace {

bool parse_fault(const std::string& text, Fault* fault) {
    size_t at = text.find('@'), colon = text.rfind(':'), equals = text.rfind('=');
    if (at == std::string::npos || colon == std::string::npos || colon < at) return false;
    std::string kind = text.substr(0, at), where = text.substr(at + 1, colon - at - 1);
    fault->at = strtoull(text.c_str() + colon + 1, nullptr, 10);
    int value = equals == std::string::npos ? 0 : atoi(text.c_str() + equals + 1);
    if (kind == "sticky" || kind == "oom") {
        fault->kind = kind == "oom" ? Fault::OUT_OF_MEMORY : Fault::STICKY;
        fault->device = atoi(where.c_str());
        fault->value = value == 0 ? 700 : value;
    } else if (kind == "nan" || kind == "slow") {
        fault->kind = kind == "nan" ? Fault::NOT_A_NUMBER : Fault::SLOW;
        fault->kernel = where;
        fault->value = value;
    } else {
        return false;
    }
    return fault->at > 0;
}

} // namespace

bool parse_faults(const std::string& text, std::vector<Fault>* faults) {
    std::istringstream parts(text);
    std::string part;
    while (std::getline(parts, part, ',')) {
        part.erase(0, part.find_first_not_of(" \t"));
        if (part.empty()) continue;
        Fault fault{};
        fault.device = -1;
        if (!parse_fault(part, &fault)) return false;
        faults->push_back(fault);
    }
    return true;
}

} // namespace emulator
