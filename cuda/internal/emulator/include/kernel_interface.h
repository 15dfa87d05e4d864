// What a compiled kernel asks of the runtime, and how it makes itself known.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

struct uint3 {
	unsigned x, y, z;
};

struct dim3 {
	unsigned x, y, z;
	constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

namespace emulator {

// What a thread sees of itself and of its block.
struct ThreadView {
	uint3 index;
};

struct BlockView {
	uint3 index;
	dim3 threads;
	dim3 grid;
	void *dynamic_shared;
};

// The thread that runs now on this thread of the host, and its block.
extern __thread const ThreadView *current_thread __attribute__((tls_model("initial-exec")));
extern __thread const BlockView *current_block __attribute__((tls_model("initial-exec")));

// A place in the source, for reports.
struct Site {
	const char *file;
	int line;
};

#define EMULATOR_SITE (emulator::Site{__FILE__, __LINE__})

enum class Barrier { wait, count };

// barrier waits for all threads of the block that have not ended, and returns in how
// many of them the predicate holds.
int barrier(Site, Barrier kind, bool predicate);

enum class WarpOperation { sync, shuffle, ballot, match };

// warp_meet waits for the lanes of the mask that have not ended. It returns, for a
// shuffle, the value of the lane source; for a ballot the lanes whose value is not
// zero; for a match the lanes whose value is the caller's.
uint64_t warp_meet(Site, WarpOperation, unsigned mask, uint64_t value, unsigned source);

// lane_id is the number of the calling thread in its warp.
unsigned lane_id();

// active_lanes are the lanes of the caller's warp that have not ended.
unsigned active_lanes();

// note_atomic tells the race report of an atomic access.
void note_atomic(const void *address, size_t bytes);

// trap ends the launch with an error.
[[noreturn]] void trap(Site, const char *reason);

// A kernel as the driver sees it: invoke calls it with the values that the arguments
// point to.
struct Kernel {
	const char *name;
	void (*invoke)(void *const *arguments);
	unsigned arguments;
	const unsigned *argument_bytes;
	void *(*shared_variable)(); // any static shared variable of the kernel's file
};

void register_kernel(const Kernel *);

template <typename... Parameters, size_t... I>
inline void call_kernel(void (*kernel)(Parameters...), void *const *arguments, std::index_sequence<I...>) {
	kernel(*static_cast<const std::remove_cv_t<std::remove_reference_t<Parameters>> *>(arguments[I])...);
}

template <typename... Parameters>
inline void call_kernel(void (*kernel)(Parameters...), void *const *arguments) {
	call_kernel(kernel, arguments, std::index_sequence_for<Parameters...>{});
}

template <typename... Parameters>
struct ParameterBytes {
	static constexpr unsigned count = sizeof...(Parameters);
	static constexpr unsigned bytes[count + 1] = {sizeof(Parameters)..., 0};
};

template <typename... Parameters>
constexpr ParameterBytes<Parameters...> parameter_bytes(void (*)(Parameters...)) {
	return {};
}

} // namespace emulator

// EMULATOR_KERNEL registers a kernel of the file when its library is loaded.
#define EMULATOR_KERNEL(kernel)                                                                \
	namespace {                                                                                \
	void invoke_##kernel(void *const *arguments) { emulator::call_kernel(&kernel, arguments); } \
	const emulator::Kernel registered_##kernel = {                                             \
		#kernel, invoke_##kernel, decltype(emulator::parameter_bytes(&kernel))::count,         \
		decltype(emulator::parameter_bytes(&kernel))::bytes, emulator_shared_variable};        \
	__attribute__((constructor)) void register_##kernel() {                                    \
		emulator::register_kernel(&registered_##kernel);                                       \
	}                                                                                          \
	}
