#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "execution.h"

namespace emulator {

namespace {

constexpr size_t ALIGNMENT = 256; // of every allocation, as the driver promises
constexpr size_t GRANULARITY = 512; // in which memory is counted
constexpr size_t FRONT_ZONE = 256;
constexpr size_t ADDRESSES = size_t(4) << 40; // of one device

size_t round_up(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

const unsigned char* bytes_at(uintptr_t address) {
    return reinterpret_cast<const unsigned char*>(address);
}

// How many of the bytes, at most 256, are poison before the first that isn't.
size_t unspoilt(uintptr_t start, size_t bytes) {
    static const std::vector<unsigned char> poison(256, POISON);
    if (memcmp(bytes_at(start), poison.data(), bytes) == 0) return bytes;
    size_t at = 0;
    while (*bytes_at(start + at) == POISON) at++;
    return at;
}

constexpr size_t POISON_FILE_BYTES = size_t(16) << 20;

// A file full of poison. Mapped privately it fills memory that nobody has to write: only pages that
// are used cost anything.
int poison_file() {
    static int file = [] {
        int made = memfd_create("poison", MFD_CLOEXEC);
        if (made < 0 || ftruncate(made, POISON_FILE_BYTES) != 0) return -1;
        std::vector<unsigned char> poison(1 << 20, POISON);
        for (size_t at = 0; at < POISON_FILE_BYTES; at += poison.size()) {
            if (pwrite(made, poison.data(), poison.size(), off_t(at)) < 0) return -1;
        }
        return made;
    }();
    return file;
}

bool map_poison(uintptr_t start, size_t bytes) {
    for (size_t at = 0; at < bytes; at += POISON_FILE_BYTES) {
        void* mapped = mmap(reinterpret_cast<void*>(start + at), std::min(POISON_FILE_BYTES, bytes - at),
                            PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
                            poison_file(), 0);
        if (mapped == MAP_FAILED) return false;
    }
    return true;
}

} // namespace

void DeviceMemory::reserve() {
    void* range = mmap(nullptr, ADDRESSES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range == MAP_FAILED) return;
    base_ = reinterpret_cast<uintptr_t>(range);
    reserved_ = ADDRESSES;
    next_ = PAGE;
}

DeviceMemory::~DeviceMemory() {
    if (reserved_ != 0) munmap(reinterpret_cast<void*>(base_), reserved_);
}

int DeviceMemory::allocate(size_t bytes, bool backed, uintptr_t* start) {
    if (bytes == 0) return 1;
    if (reserved_ == 0) reserve();
    size_t counted = round_up(bytes, GRANULARITY);
    if (counted < bytes || counted > capacity - std::min(capacity, used_)) return 2;
    size_t rounded = round_up(bytes, ALIGNMENT);
    size_t mapped_bytes = round_up(rounded + FRONT_ZONE, PAGE);
    if (mapped_bytes + PAGE > reserved_ - std::min(reserved_, next_)) return 2;
    uintptr_t mapped = base_ + next_;
    Allocation allocation{mapped + mapped_bytes - rounded, bytes, mapped, backed ? mapped_bytes : 0};
    if (backed) {
        if (!map_poison(mapped, mapped_bytes)) return 2;
        protect(allocation);
    }
    next_ += mapped_bytes + PAGE;
    used_ += counted;
    peak_ = std::max(peak_, used_);
    allocations_[allocation.start] = allocation;
    *start = allocation.start;
    return 0;
}

void DeviceMemory::protect(const Allocation& allocation) const {
    if (allocation.mapped_bytes == 0) return;
    mprotect(reinterpret_cast<void*>(allocation.mapped), allocation.mapped_bytes,
             users_ > 0 ? PROT_READ | PROT_WRITE : PROT_NONE);
}

void DeviceMemory::protect_all() const {
    for (const auto& [start, allocation] : allocations_) protect(allocation);
}

void DeviceMemory::open() {
    if (users_++ == 0) protect_all();
}

void DeviceMemory::close() {
    if (--users_ == 0) protect_all();
}

void DeviceMemory::unmap(const Allocation& allocation) {
    used_ -= round_up(allocation.bytes, GRANULARITY);
    if (allocation.mapped_bytes == 0) return;
    mmap(reinterpret_cast<void*>(allocation.mapped), allocation.mapped_bytes, PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

int DeviceMemory::release(uintptr_t start) {
    auto found = allocations_.find(start);
    if (found == allocations_.end()) return 1;
    unmap(found->second);
    allocations_.erase(found);
    return 0;
}

void DeviceMemory::release_all() {
    for (const auto& [start, allocation] : allocations_) unmap(allocation);
    allocations_.clear();
}

const Allocation* DeviceMemory::find(uintptr_t address) const {
    auto after = allocations_.upper_bound(address);
    if (after == allocations_.begin()) return nullptr;
    const Allocation& allocation = std::prev(after)->second;
    return address - allocation.start < allocation.bytes ? &allocation : nullptr;
}

bool DeviceMemory::holds(uintptr_t address, size_t bytes) const {
    const Allocation* allocation = find(address);
    return allocation != nullptr && bytes <= allocation->bytes - (address - allocation->start);
}

std::string DeviceMemory::damage() const {
    for (const auto& [start, allocation] : allocations_) {
        std::string found = damage(allocation);
        if (!found.empty()) return found;
    }
    return {};
}

std::string DeviceMemory::damage(const Allocation& allocation) {
    if (allocation.mapped_bytes == 0) return {};
    uintptr_t end = allocation.start + allocation.bytes;
    size_t back_zone = allocation.mapped + allocation.mapped_bytes - end;
    size_t beyond = unspoilt(end, back_zone);
    size_t before = unspoilt(allocation.start - FRONT_ZONE, FRONT_ZONE);
    if (beyond == back_zone && before == FRONT_ZONE) return {};
    std::string where = beyond < back_zone ? std::to_string(beyond) + " bytes beyond"
                                           : "up to " + std::to_string(FRONT_ZONE - before) + " bytes before";
    return where + " an allocation of " + std::to_string(allocation.bytes) + " bytes";
}

std::string DeviceMemory::describe(uintptr_t address) const {
    if (!owns(address)) return {};
    if (find(address) != nullptr) return "in an allocation";
    auto after = allocations_.upper_bound(address);
    size_t to_next = after == allocations_.end() ? SIZE_MAX : after->first - address;
    size_t from_last = SIZE_MAX;
    if (after != allocations_.begin()) {
        const Allocation& last = std::prev(after)->second;
        from_last = address - last.start - last.bytes;
    }
    if (from_last == SIZE_MAX && to_next == SIZE_MAX) return "where nothing is allocated";
    const Allocation& nearest = from_last <= to_next ? std::prev(after)->second : after->second;
    return std::to_string(std::min(from_last, to_next)) +
           (from_last <= to_next ? " bytes beyond" : " bytes before") + " an allocation of " +
           std::to_string(nearest.bytes) + " bytes";
}

void* PinnedMemory::allocate(size_t bytes) {
    size_t rounded = round_up(std::max<size_t>(bytes, 1), PAGE);
    void* start = mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return nullptr;
    ranges_[reinterpret_cast<uintptr_t>(start)] = {rounded, true};
    return start;
}

bool PinnedMemory::release(void* start) {
    auto found = ranges_.find(reinterpret_cast<uintptr_t>(start));
    if (found == ranges_.end() || !found->second.own) return false;
    munmap(start, found->second.bytes);
    ranges_.erase(found);
    return true;
}

bool PinnedMemory::remove(void* start) {
    auto found = ranges_.find(reinterpret_cast<uintptr_t>(start));
    if (found == ranges_.end() || found->second.own) return false;
    ranges_.erase(found);
    return true;
}

AccessRange PinnedMemory::range_of(uintptr_t address) const {
    auto after = ranges_.upper_bound(address);
    if (after == ranges_.begin()) return {};
    const auto& [start, range] = *std::prev(after);
    return address < start + range.bytes ? AccessRange{start, start + range.bytes} : AccessRange{};
}

} // namespace emulator
