// The stand-in for libcuda.so.1: types and numbers of the driver's interface as
// NVIDIA documents them, and what its functions share.
#pragma once

#include "../runtime/stream.h"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <vector>

// EXPORTED begins each function of the driver's interface.
#define EXPORTED extern "C"

typedef int CUresult;
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;

enum {
	CUDA_SUCCESS = 0,
	CUDA_ERROR_INVALID_VALUE = 1,
	CUDA_ERROR_OUT_OF_MEMORY = 2,
	CUDA_ERROR_NOT_INITIALIZED = 3,
	CUDA_ERROR_NO_DEVICE = 100,
	CUDA_ERROR_INVALID_DEVICE = 101,
	CUDA_ERROR_INVALID_IMAGE = 200,
	CUDA_ERROR_INVALID_CONTEXT = 201,
	CUDA_ERROR_UNSUPPORTED_PTX_VERSION = 222,
	CUDA_ERROR_INVALID_HANDLE = 400,
	CUDA_ERROR_NOT_FOUND = 500,
	CUDA_ERROR_NOT_READY = 600,
	CUDA_ERROR_ILLEGAL_ADDRESS = 700,
	CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES = 701,
	CUDA_ERROR_LAUNCH_TIMEOUT = 702,
	CUDA_ERROR_ASSERT = 710,
	CUDA_ERROR_HARDWARE_STACK_ERROR = 714,
	CUDA_ERROR_ILLEGAL_INSTRUCTION = 715,
	CUDA_ERROR_MISALIGNED_ADDRESS = 716,
	CUDA_ERROR_LAUNCH_FAILED = 719,
	CUDA_ERROR_UNKNOWN = 999,
};

namespace emulator {

struct Context {
	CUdevice device;
	int retained = 0; // of a primary context
};

struct Event {
	CUdevice device;
	std::shared_ptr<Completion> recorded;
};

// The machine that is emulated; the environment variable HALFSTEP_EMULATOR changes it:
// "devices=0", "version=11040", "capability=61". Its devices are all alike.
struct Machine {
	int devices = 1;
	int version = 12040; // of the driver: CUDA 12.4
	int capability = 90; // 9.0
	static const Machine &get();
};

const int multiprocessors = 4;
const int shared_bytes_per_block = 48 << 10;
const int shared_bytes_opt_in = 96 << 10; // of compute capability 7.0, the least

// Handles knows what was handed out, so that a handle is not used after its end.
template <typename T>
class Handles {
public:
	void *add(T *object) {
		std::lock_guard<std::mutex> lock(mutex_);
		live_.insert(object);
		return object;
	}
	T *find(void *handle) {
		std::lock_guard<std::mutex> lock(mutex_);
		return live_.count(static_cast<T *>(handle)) > 0 ? static_cast<T *>(handle) : nullptr;
	}
	bool remove(void *handle) {
		std::lock_guard<std::mutex> lock(mutex_);
		return live_.erase(static_cast<T *>(handle)) > 0;
	}
	size_t count() {
		std::lock_guard<std::mutex> lock(mutex_);
		return live_.size();
	}
	// take removes what is of a device, for the caller to delete.
	std::vector<T *> take(CUdevice device) {
		std::lock_guard<std::mutex> lock(mutex_);
		std::vector<T *> taken;
		for (auto i = live_.begin(); i != live_.end();) {
			if ((*i)->device == device) {
				taken.push_back(*i);
				i = live_.erase(i);
			} else {
				++i;
			}
		}
		return taken;
	}
	template <typename Visit>
	void each(Visit visit) {
		std::lock_guard<std::mutex> lock(mutex_);
		for (T *object : live_) {
			visit(object);
		}
	}

private:
	std::mutex mutex_;
	std::set<T *> live_;
};

extern Handles<Context> contexts;
extern Handles<Stream> streams;
extern Handles<Event> events;
size_t modules_loaded();
void unload_modules(CUdevice device);

extern thread_local Context *current_context;

// Stage says what a call needs to have happened before.
enum class Stage { nothing, initialized, context };

// enter begins a call: it counts it, and returns the failure that was ordered, that the
// device's fault demands, or that comes of a stage not reached.
CUresult enter(const char *name, Stage stage);

#define ENTER(name, stage)                                          \
	if (CUresult failure = emulator::enter(name, emulator::Stage::stage)) { \
		return failure;                                             \
	}

void set_initialized();
// failing_launch says with what the launch that begins now is to fault, 0 if not.
int failing_launch();

// stream_of finds the stream of a handle, where null is the stream that every context
// has; null if there is none, or it is of another device than the current context.
Stream *stream_of(void *handle);
void synchronize_all();
// destroy_all gives back all memory, streams, events and modules of a device.
void destroy_all(CUdevice device);

} // namespace emulator
