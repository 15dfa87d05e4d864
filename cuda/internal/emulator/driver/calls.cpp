// What all calls have in common, and how tests steer it.

#include "driver.h"

#include "../include/control.h"
#include "../runtime/clock.h"
#include "../runtime/device_memory.h"
#include "../runtime/report.h"
#include "launches.h"

#include <cstdlib>
#include <cstring>
#include <vector>

namespace emulator {

Handles<Context> contexts;
Handles<Stream> streams;
Handles<Event> events;
thread_local Context *current_context;

namespace {

std::mutex mutex;
bool initialized;
long calls;

// A failure that was ordered: of the n-th call of a function, any if name is empty.
struct Order {
	std::string name;
	long n = 0;
	int code = 0;
};
Order failing_call, failing_kernel;

bool is_due(Order *order, const char *name) {
	if (order->n == 0 || (!order->name.empty() && order->name != name)) {
		return false;
	}
	return --order->n == 0;
}

} // namespace

const Machine &Machine::get() {
	static const Machine machine = [] {
		Machine m;
		if (const char *text = getenv("HALFSTEP_EMULATOR")) {
			if (const char *devices = strstr(text, "devices=")) {
				m.devices = atoi(devices + strlen("devices="));
			}
			if (const char *version = strstr(text, "version=")) {
				m.version = atoi(version + strlen("version="));
			}
			if (const char *capability = strstr(text, "capability=")) {
				m.capability = atoi(capability + strlen("capability="));
			}
		}
		return m;
	}();
	return machine;
}

void set_initialized() {
	std::lock_guard<std::mutex> lock(mutex);
	initialized = true;
}

CUresult enter(const char *name, Stage stage) {
	std::lock_guard<std::mutex> lock(mutex);
	calls++;
	if (is_due(&failing_call, name)) {
		return failing_call.code;
	}
	if (stage == Stage::nothing) {
		return CUDA_SUCCESS;
	}
	if (!initialized) {
		return CUDA_ERROR_NOT_INITIALIZED;
	}
	if (stage == Stage::context && contexts.find(current_context) == nullptr) {
		return CUDA_ERROR_INVALID_CONTEXT;
	}
	return device_fault;
}

int failing_launch() {
	std::lock_guard<std::mutex> lock(mutex);
	return is_due(&failing_kernel, "") ? failing_kernel.code : 0;
}

namespace {

// standard_streams are the streams that contexts have from the start, by device.
const std::vector<Stream *> &standard_streams() {
	static const auto *all = [] {
		auto *made = new std::vector<Stream *>;
		for (CUdevice d = 0; d < Machine::get().devices; d++) {
			made->push_back(new Stream(d));
		}
		return made;
	}();
	return *all;
}

std::set<Stream *> all_streams() {
	std::set<Stream *> all(standard_streams().begin(), standard_streams().end());
	streams.each([&all](Stream *stream) { all.insert(stream); });
	return all;
}

} // namespace

Stream *stream_of(void *handle) {
	if (handle == nullptr) {
		return standard_streams()[current_context->device];
	}
	Stream *stream = streams.find(handle);
	return stream != nullptr && stream->device == current_context->device ? stream : nullptr;
}

void synchronize_all() {
	for (Stream *stream : all_streams()) {
		stream->synchronize();
	}
}

void destroy_all(CUdevice device) {
	for (Stream *stream : streams.take(device)) {
		delete stream;
	}
	for (Event *event : events.take(device)) {
		delete event;
	}
	unload_modules(device);
	free_all_memory(device);
}

} // namespace emulator

using namespace emulator;

EXPORTED void emulator_set_order(int order, unsigned long long seed) { set_thread_order(static_cast<ThreadOrder>(order), seed); }

EXPORTED void emulator_set_memory(size_t bytes) { set_device_memory(bytes); }

EXPORTED void emulator_set_delay(unsigned microseconds) { set_stream_delay(microseconds); }

EXPORTED void emulator_set_on_demand(int on) {
	set_on_demand(on != 0);
	for (Stream *stream : all_streams()) {
		stream->look_again();
	}
}

EXPORTED void emulator_set_clock(double bytes_per_second, double blocks_per_second) {
	synchronize_all();
	set_clock(bytes_per_second, blocks_per_second);
	for (Stream *stream : all_streams()) {
		stream->rewind();
	}
}

EXPORTED double emulator_host_time() { return host_time(); }

EXPORTED int emulator_take_operation(struct emulator_operation *operation) {
	Operation o;
	if (!take_operation(&o)) {
		return 0;
	}
	*operation = {"", o.stream, o.asked, o.begun, o.ended};
	strncpy(operation->name, o.name.c_str(), sizeof operation->name - 1);
	return 1;
}

EXPORTED void emulator_fail_call(const char *name, long n, int code) {
	std::lock_guard<std::mutex> lock(mutex);
	failing_call = {name, n, code};
}

EXPORTED void emulator_fail_launch(long n, int code) {
	std::lock_guard<std::mutex> lock(mutex);
	failing_kernel = {"", n, code};
}

EXPORTED long emulator_calls() {
	std::lock_guard<std::mutex> lock(mutex);
	return calls;
}

EXPORTED void emulator_live(size_t *allocations, size_t *bytes, size_t *host_allocations, size_t *live_streams, size_t *live_events,
	size_t *modules) {
	MemoryUse use = memory_use(-1);
	*allocations = use.allocations;
	*bytes = use.used;
	*host_allocations = use.host_allocations;
	*live_streams = streams.count();
	*live_events = events.count();
	*modules = modules_loaded();
}

EXPORTED int emulator_take_report(char *text, size_t bytes) {
	std::string oldest;
	if (!take_report(&oldest)) {
		return 0;
	}
	strncpy(text, oldest.c_str(), bytes - 1);
	text[bytes - 1] = 0;
	return 1;
}

EXPORTED void emulator_check_margins() { check_margins(); }

EXPORTED void emulator_reset() {
	std::lock_guard<std::mutex> lock(mutex);
	device_fault = 0;
	failing_call = failing_kernel = {};
}
