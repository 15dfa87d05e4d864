// Device memory: every allocation ends at an unreadable page and has one before it,
// its bytes are NaN until they are written, and its addresses are never used again,
// so that a use after free faults too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace emulator {

enum class AllocationResult { ok, out_of_memory, unknown_pointer };

// allocate_device allocates on a device. It ends the allocation at a page: an address is a multiple of 256 if
// the size is, as every address of a GPU is, otherwise of 16, which is what kernels
// may rely on.
AllocationResult allocate_device(int device, size_t bytes, uintptr_t *address);
AllocationResult free_device(uintptr_t address);

// allocate_host is pinned memory, which copies read and write when they run, not when
// they are asked for.
void *allocate_host(int device, size_t bytes);
bool free_host(void *address);
bool is_pinned(const void *address, size_t bytes);

// device_of is the device of an address within a live allocation, -1 if there is none.
int device_of(uintptr_t address);

// is_device_range reports whether the bytes lie in one live allocation.
bool is_device_range(uintptr_t address, size_t bytes);

// check_margins reports writes between an allocation and its unreadable pages.
void check_margins();

// free_all_memory frees all memory of a device and what was pinned in its context.
void free_all_memory(int device);

struct MemoryUse {
	size_t total, used, allocations, host_allocations;
};
// memory_use is that of a device; with -1 of all together, which have the total each.
MemoryUse memory_use(int device);
void set_device_memory(size_t bytes);

// describe_device_address says to what an address is near.
std::string describe_device_address(const void *address);

} // namespace emulator
