// Allocation, copies and fills.

#include "driver.h"

#include "../runtime/clock.h"
#include "../runtime/device_memory.h"

#include <cstring>

using namespace emulator;

namespace {

// enqueue_copy has the stream copy. Bytes that are neither pinned nor of the device are
// copied before the call returns, since their owner may use them again at once.
CUresult enqueue_copy(void *stream_handle, std::function<void()> copy, bool at_once, const char *name = "", double seconds = 0) {
	Stream *stream = stream_of(stream_handle);
	if (stream == nullptr) {
		return CUDA_ERROR_INVALID_HANDLE;
	}
	stream->enqueue(std::move(copy), name, seconds);
	if (at_once) {
		host_reaches(stream->mark()->wait());
		return device_fault;
	}
	return CUDA_SUCCESS;
}

} // namespace

EXPORTED CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
	ENTER("cuMemGetInfo", context);
	MemoryUse use = memory_use(current_context->device);
	*total = use.total;
	*free = use.total > use.used ? use.total - use.used : 0;
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
	ENTER("cuMemAlloc", context);
	if (bytes == 0 || address == nullptr) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	uintptr_t start;
	if (allocate_device(current_context->device, bytes, &start) != AllocationResult::ok) {
		return CUDA_ERROR_OUT_OF_MEMORY;
	}
	*address = start;
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuMemFree_v2(CUdeviceptr address) {
	ENTER("cuMemFree", context);
	if (address == 0) {
		return CUDA_SUCCESS;
	}
	synchronize_all();
	return free_device(address) == AllocationResult::ok ? device_fault.load() : CUDA_ERROR_INVALID_VALUE;
}

EXPORTED CUresult cuMemHostAlloc(void **address, size_t bytes, unsigned) {
	ENTER("cuMemHostAlloc", context);
	if (bytes == 0) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	*address = allocate_host(current_context->device, bytes);
	return *address == nullptr ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
}

EXPORTED CUresult cuMemFreeHost(void *address) {
	ENTER("cuMemFreeHost", context);
	synchronize_all();
	return free_host(address) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

EXPORTED CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, void *stream) {
	ENTER("cuMemcpyHtoDAsync", context);
	if (bytes == 0) {
		return CUDA_SUCCESS;
	}
	if (!is_device_range(to, bytes)) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	return enqueue_copy(
		stream, [=] { memcpy(reinterpret_cast<void *>(to), from, bytes); }, !is_pinned(from, bytes), "cuMemcpyHtoDAsync",
		copy_seconds(bytes));
}

EXPORTED CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, void *stream) {
	ENTER("cuMemcpyDtoHAsync", context);
	if (bytes == 0) {
		return CUDA_SUCCESS;
	}
	if (!is_device_range(from, bytes)) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	return enqueue_copy(
		stream, [=] { memcpy(to, reinterpret_cast<const void *>(from), bytes); }, !is_pinned(to, bytes), "cuMemcpyDtoHAsync",
		copy_seconds(bytes));
}

EXPORTED CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, void *stream) {
	ENTER("cuMemcpyDtoDAsync", context);
	if (bytes == 0) {
		return CUDA_SUCCESS;
	}
	if (!is_device_range(to, bytes) || !is_device_range(from, bytes)) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	return enqueue_copy(
		stream, [=] { memmove(reinterpret_cast<void *>(to), reinterpret_cast<const void *>(from), bytes); }, false);
}

EXPORTED CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, void *stream) {
	ENTER("cuMemsetD8Async", context);
	if (count == 0) {
		return CUDA_SUCCESS;
	}
	if (!is_device_range(to, count)) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	return enqueue_copy(
		stream, [=] { memset(reinterpret_cast<void *>(to), value, count); }, false);
}

EXPORTED CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, void *stream) {
	ENTER("cuMemsetD32Async", context);
	if (count == 0) {
		return CUDA_SUCCESS;
	}
	if (to % 4 != 0 || !is_device_range(to, 4 * count)) {
		return CUDA_ERROR_INVALID_VALUE;
	}
	return enqueue_copy(
		stream,
		[=] {
			for (size_t i = 0; i < count; i++) {
				reinterpret_cast<unsigned *>(to)[i] = value;
			}
		},
		false);
}
