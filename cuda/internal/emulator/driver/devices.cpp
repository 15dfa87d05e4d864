// Start, devices and contexts.

#include "driver.h"

#include "../runtime/device_memory.h"
#include "../runtime/fault.h"

#include <cstdio>
#include <vector>

using namespace emulator;

namespace {

struct ErrorText {
	CUresult code;
	const char *name, *text;
};

const ErrorText error_texts[] = {
	{CUDA_SUCCESS, "CUDA_SUCCESS", "no error"},
	{CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
	{CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
	{CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
	{CUDA_ERROR_NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
	{CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
	{CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
	{CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
	{CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "the provided PTX was compiled with an unsupported toolchain."},
	{CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
	{CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
	{CUDA_ERROR_NOT_READY, "CUDA_ERROR_NOT_READY", "device not ready"},
	{CUDA_ERROR_ILLEGAL_ADDRESS, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
	{CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
	{CUDA_ERROR_LAUNCH_TIMEOUT, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
	{CUDA_ERROR_ASSERT, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
	{CUDA_ERROR_HARDWARE_STACK_ERROR, "CUDA_ERROR_HARDWARE_STACK_ERROR", "hardware stack error"},
	{CUDA_ERROR_ILLEGAL_INSTRUCTION, "CUDA_ERROR_ILLEGAL_INSTRUCTION", "an illegal instruction was encountered"},
	{CUDA_ERROR_MISALIGNED_ADDRESS, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
	{CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
	{CUDA_ERROR_UNKNOWN, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const ErrorText *find_error(CUresult code) {
	for (const ErrorText &error : error_texts) {
		if (error.code == code) {
			return &error;
		}
	}
	return nullptr;
}

bool is_device(CUdevice device) { return device >= 0 && device < Machine::get().devices; }

std::mutex primary_mutex;
std::vector<Context *> primary_contexts;

Context *primary(CUdevice device) {
	if (primary_contexts.empty()) {
		for (CUdevice d = 0; d < Machine::get().devices; d++) {
			primary_contexts.push_back(new Context{d});
		}
	}
	return primary_contexts[device];
}

} // namespace

EXPORTED CUresult cuInit(unsigned) {
	ENTER("cuInit", nothing);
	if (Machine::get().devices == 0) {
		return CUDA_ERROR_NO_DEVICE;
	}
	catch_faults();
	set_initialized();
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuDriverGetVersion(int *version) {
	ENTER("cuDriverGetVersion", nothing);
	*version = Machine::get().version;
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuGetErrorName(CUresult code, const char **name) {
	const ErrorText *error = find_error(code);
	*name = error == nullptr ? nullptr : error->name;
	return error == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

EXPORTED CUresult cuGetErrorString(CUresult code, const char **text) {
	const ErrorText *error = find_error(code);
	*text = error == nullptr ? nullptr : error->text;
	return error == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

EXPORTED CUresult cuDeviceGetCount(int *count) {
	ENTER("cuDeviceGetCount", initialized);
	*count = Machine::get().devices;
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuDeviceGet(CUdevice *device, int ordinal) {
	ENTER("cuDeviceGet", initialized);
	if (!is_device(ordinal)) {
		return CUDA_ERROR_INVALID_DEVICE;
	}
	*device = ordinal;
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuDeviceGetName(char *name, int bytes, CUdevice device) {
	ENTER("cuDeviceGetName", initialized);
	if (!is_device(device)) {
		return CUDA_ERROR_INVALID_DEVICE;
	}
	snprintf(name, bytes, "CUDA on CPU");
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device) {
	ENTER("cuDeviceGetAttribute", initialized);
	if (!is_device(device)) {
		return CUDA_ERROR_INVALID_DEVICE;
	}
	switch (attribute) {
	case 1: // MAX_THREADS_PER_BLOCK
	case 2: // MAX_BLOCK_DIM_X
	case 3: // MAX_BLOCK_DIM_Y
		*value = 1024;
		break;
	case 4: // MAX_BLOCK_DIM_Z
		*value = 64;
		break;
	case 5: // MAX_GRID_DIM_X
		*value = 0x7fffffff;
		break;
	case 6: // MAX_GRID_DIM_Y
	case 7: // MAX_GRID_DIM_Z
		*value = 65535;
		break;
	case 8: // MAX_SHARED_MEMORY_PER_BLOCK
		*value = shared_bytes_per_block;
		break;
	case 10: // WARP_SIZE
		*value = 32;
		break;
	case 12: // MAX_REGISTERS_PER_BLOCK
	case 82: // MAX_REGISTERS_PER_MULTIPROCESSOR
		*value = 65536;
		break;
	case 16: // MULTIPROCESSOR_COUNT
		*value = multiprocessors;
		break;
	case 39: // MAX_THREADS_PER_MULTIPROCESSOR
		*value = 2048;
		break;
	case 41: // UNIFIED_ADDRESSING
		*value = 1;
		break;
	case 75: // COMPUTE_CAPABILITY_MAJOR
		*value = Machine::get().capability / 10;
		break;
	case 76: // COMPUTE_CAPABILITY_MINOR
		*value = Machine::get().capability % 10;
		break;
	case 81: // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
	case 97: // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
		*value = shared_bytes_opt_in;
		break;
	default:
		*value = 0;
	}
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
	ENTER("cuDeviceTotalMem", initialized);
	if (!is_device(device)) {
		return CUDA_ERROR_INVALID_DEVICE;
	}
	*bytes = memory_use(device).total;
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuDevicePrimaryCtxRetain(void **context, CUdevice device) {
	ENTER("cuDevicePrimaryCtxRetain", initialized);
	if (!is_device(device)) {
		return CUDA_ERROR_INVALID_DEVICE;
	}
	std::lock_guard<std::mutex> lock(primary_mutex);
	Context *p = primary(device);
	p->retained++;
	*context = contexts.add(p);
	return CUDA_SUCCESS;
}

// The last release of a context destroys what is left in it. Here that happens after a fault
// only, as otherwise nobody would see what a program forgets to free.
EXPORTED CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
	CUresult failure = enter("cuDevicePrimaryCtxRelease", Stage::initialized);
	if (failure != 0 && failure != device_fault) {
		return failure;
	}
	if (!is_device(device)) {
		return CUDA_ERROR_INVALID_DEVICE;
	}
	std::lock_guard<std::mutex> lock(primary_mutex);
	Context *p = primary(device);
	if (p->retained == 0) {
		return CUDA_ERROR_INVALID_CONTEXT;
	}
	if (--p->retained == 0) {
		contexts.remove(p);
		if (device_fault != 0) {
			destroy_all(device);
		}
	}
	return failure;
}

EXPORTED CUresult cuCtxCreate_v2(void **context, unsigned, CUdevice device) {
	ENTER("cuCtxCreate", initialized);
	if (!is_device(device)) {
		return CUDA_ERROR_INVALID_DEVICE;
	}
	current_context = new Context{device};
	*context = contexts.add(current_context);
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuCtxDestroy_v2(void *context) {
	ENTER("cuCtxDestroy", initialized);
	if (!contexts.remove(context)) {
		return CUDA_ERROR_INVALID_CONTEXT;
	}
	if (current_context == context) {
		current_context = nullptr;
	}
	delete static_cast<Context *>(context);
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuCtxSetCurrent(void *context) {
	ENTER("cuCtxSetCurrent", initialized);
	if (context != nullptr && contexts.find(context) == nullptr) {
		return CUDA_ERROR_INVALID_CONTEXT;
	}
	current_context = static_cast<Context *>(context);
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuCtxGetCurrent(void **context) {
	ENTER("cuCtxGetCurrent", initialized);
	*context = current_context;
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuCtxGetDevice(CUdevice *device) {
	ENTER("cuCtxGetDevice", context);
	*device = current_context->device;
	return CUDA_SUCCESS;
}

EXPORTED CUresult cuCtxSynchronize() {
	ENTER("cuCtxSynchronize", context);
	synchronize_all();
	return device_fault;
}
