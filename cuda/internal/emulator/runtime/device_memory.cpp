#include "device_memory.h"

#include "report.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <sys/mman.h>
#include <vector>

namespace emulator {

namespace {

const size_t page = 4096;
const size_t address_space = (size_t)1 << 42; // reserved, never used again once freed
const size_t default_memory = (size_t)16 << 30;
// Filling costs the host its memory, so only the ends of a large allocation are filled.
const size_t filled_whole = 8 << 20, filled_end = 256 << 10;
const unsigned char unwritten = 0xff; // bytes of a NaN

size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

struct Allocation {
	int device;
	char *start;
	size_t bytes;
	char *pages, *pages_end;
};

std::mutex mutex;
char *next_pages, *last_pages;
size_t total = default_memory; // of each device
std::map<int, size_t> used;    // by device

struct Pinned {
	int device; // in whose context it was allocated
	size_t bytes;
};

std::map<uintptr_t, Allocation> live, freed; // by the end of their pages
std::map<uintptr_t, Pinned> pinned;          // by their start

bool reserve() {
	if (next_pages != nullptr) {
		return true;
	}
	for (size_t bytes = address_space; bytes >= (size_t)1 << 36; bytes /= 2) {
		void *memory = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (memory != MAP_FAILED) {
			next_pages = static_cast<char *>(memory) + page;
			last_pages = static_cast<char *>(memory) + bytes;
			return true;
		}
	}
	return false;
}

// holding finds the allocation whose pages hold an address.
const Allocation *holding(const std::map<uintptr_t, Allocation> &allocations, uintptr_t address) {
	auto next = allocations.upper_bound(address);
	if (next == allocations.end() || address < reinterpret_cast<uintptr_t>(next->second.pages)) {
		return nullptr;
	}
	return &next->second;
}

bool untouched(const char *begin, const char *end) {
	return std::all_of(begin, end, [](char c) { return (unsigned char)c == unwritten; });
}

void check_margins_of(const Allocation &a) {
	const char *end = a.start + a.bytes;
	if (!untouched(a.pages, a.start)) {
		report(format("memory: a write before the start of an allocation of %zu bytes", a.bytes));
	}
	if (!untouched(end, a.pages_end)) {
		report(format("memory: a write past the end of an allocation of %zu bytes", a.bytes));
	}
}

void fill(const Allocation &a) {
	size_t bytes = a.pages_end - a.pages;
	if (bytes <= filled_whole) {
		memset(a.pages, unwritten, bytes);
		return;
	}
	memset(a.pages, unwritten, filled_end);
	memset(a.pages_end - filled_end, unwritten, filled_end);
}

} // namespace

AllocationResult allocate_device(int device, size_t bytes, uintptr_t *address) {
	std::lock_guard<std::mutex> lock(mutex);
	size_t in_pages = round_up(bytes, page);
	if (!reserve() || bytes > total - std::min(used[device], total) || in_pages + page > (size_t)(last_pages - next_pages)) {
		return AllocationResult::out_of_memory;
	}
	Allocation a;
	a.device = device;
	a.pages = next_pages;
	a.pages_end = a.pages + in_pages;
	a.start = a.pages_end - round_up(bytes, 16);
	a.bytes = bytes;
	if (mprotect(a.pages, in_pages, PROT_READ | PROT_WRITE) != 0) {
		return AllocationResult::out_of_memory;
	}
	next_pages = a.pages_end + page;
	fill(a);
	live[reinterpret_cast<uintptr_t>(a.pages_end)] = a;
	used[device] += bytes;
	*address = reinterpret_cast<uintptr_t>(a.start);
	return AllocationResult::ok;
}

AllocationResult free_device(uintptr_t address) {
	std::lock_guard<std::mutex> lock(mutex);
	const Allocation *found = holding(live, address);
	if (found == nullptr || reinterpret_cast<uintptr_t>(found->start) != address) {
		const Allocation *old = holding(freed, address);
		if (old != nullptr) {
			report(format("memory: an allocation of %zu bytes is freed twice", old->bytes));
		}
		return AllocationResult::unknown_pointer;
	}
	Allocation a = *found;
	check_margins_of(a);
	madvise(a.pages, a.pages_end - a.pages, MADV_DONTNEED);
	mprotect(a.pages, a.pages_end - a.pages, PROT_NONE);
	live.erase(reinterpret_cast<uintptr_t>(a.pages_end));
	freed[reinterpret_cast<uintptr_t>(a.pages_end)] = a;
	used[a.device] -= a.bytes;
	return AllocationResult::ok;
}

void *allocate_host(int device, size_t bytes) {
	std::lock_guard<std::mutex> lock(mutex);
	size_t in_pages = round_up(bytes, page);
	void *memory = mmap(nullptr, in_pages + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		return nullptr;
	}
	mprotect(static_cast<char *>(memory) + in_pages, page, PROT_NONE);
	pinned[reinterpret_cast<uintptr_t>(memory)] = {device, bytes};
	return memory;
}

bool free_host(void *address) {
	std::lock_guard<std::mutex> lock(mutex);
	auto found = pinned.find(reinterpret_cast<uintptr_t>(address));
	if (found == pinned.end()) {
		return false;
	}
	munmap(address, round_up(found->second.bytes, page) + page);
	pinned.erase(found);
	return true;
}

bool is_pinned(const void *address, size_t bytes) {
	std::lock_guard<std::mutex> lock(mutex);
	uintptr_t start = reinterpret_cast<uintptr_t>(address);
	auto next = pinned.upper_bound(start);
	return next != pinned.begin() && start + bytes <= (--next)->first + next->second.bytes;
}

int device_of(uintptr_t address) {
	std::lock_guard<std::mutex> lock(mutex);
	const Allocation *a = holding(live, address);
	return a == nullptr ? -1 : a->device;
}

bool is_device_range(uintptr_t address, size_t bytes) {
	std::lock_guard<std::mutex> lock(mutex);
	const Allocation *a = holding(live, address);
	if (a == nullptr) {
		return false;
	}
	uintptr_t start = reinterpret_cast<uintptr_t>(a->start);
	return address >= start && bytes <= a->bytes && address - start <= a->bytes - bytes;
}

void free_all_memory(int device) {
	std::vector<uintptr_t> allocated;
	std::vector<void *> host;
	{
		std::lock_guard<std::mutex> lock(mutex);
		for (auto &entry : live) {
			if (entry.second.device == device) {
				allocated.push_back(reinterpret_cast<uintptr_t>(entry.second.start));
			}
		}
		for (auto &entry : pinned) {
			if (entry.second.device == device) {
				host.push_back(reinterpret_cast<void *>(entry.first));
			}
		}
	}
	for (uintptr_t address : allocated) {
		free_device(address);
	}
	for (void *address : host) {
		free_host(address);
	}
}

void check_margins() {
	std::lock_guard<std::mutex> lock(mutex);
	for (auto &entry : live) {
		check_margins_of(entry.second);
	}
}

MemoryUse memory_use(int device) {
	std::lock_guard<std::mutex> lock(mutex);
	MemoryUse use = {total, 0, 0, 0};
	for (auto &entry : live) {
		if (device < 0 || entry.second.device == device) {
			use.allocations++;
			use.used += entry.second.bytes;
		}
	}
	for (auto &entry : pinned) {
		if (device < 0 || entry.second.device == device) {
			use.host_allocations++;
		}
	}
	return use;
}

void set_device_memory(size_t bytes) {
	std::lock_guard<std::mutex> lock(mutex);
	total = bytes == 0 ? default_memory : bytes;
}

std::string describe_device_address(const void *pointer) {
	std::lock_guard<std::mutex> lock(mutex);
	uintptr_t address = reinterpret_cast<uintptr_t>(pointer);
	if (const Allocation *a = holding(freed, address)) {
		return format("in an allocation of %zu bytes that was freed", a->bytes);
	}
	// Unreadable pages are one page before and after each allocation.
	if (const Allocation *a = holding(live, address - page)) {
		return format("%zd bytes past the end of an allocation of %zu bytes", (const char *)pointer - (a->start + a->bytes), a->bytes);
	}
	if (const Allocation *a = holding(live, address + page)) {
		return format("%zd bytes before the start of an allocation of %zu bytes", a->start - (const char *)pointer, a->bytes);
	}
	return "not device memory";
}

} // namespace emulator
