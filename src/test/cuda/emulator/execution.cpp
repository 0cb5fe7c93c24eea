#include "execution.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

namespace emulator {

namespace {

Fiber& running_fiber() { return static_cast<Fiber&>(self()); }

ResidentBlock& running_block() { return static_cast<ResidentBlock&>(*self().block); }

// The file's name without its folders.
const char* base_name(const char* path) {
    const char* slash = strrchr(path, '/');
    return slash == nullptr ? path : slash + 1;
}

} // namespace

std::string text(const char* format, ...) {
    char buffer[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    return buffer;
}

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

} // namespace emulator
