// A launch: the grid of one kernel, run block by block on all processors.
#pragma once

#include "../include/kernel_interface.h"

#include <atomic>
#include <functional>
#include <string>

namespace emulator {

// Results of the driver that a kernel can end with.
const int illegal_address = 700;
const int launch_failed = 719;
const int misaligned_address = 716;
const int assertion = 710;

// ThreadOrder says which of the threads that can run does so next. Missing barriers
// show in only some orders.
enum class ThreadOrder { forward, reverse, random };

struct Launch {
	std::string name;
	dim3 grid, threads;
	unsigned shared_bytes = 0;
	std::function<void()> body; // called once for each thread
	void *(*shared_variable)() = nullptr;
	ThreadOrder order = ThreadOrder::forward;
	uint64_t seed = 0;

	std::atomic<uint64_t> next_block{0};
	std::atomic<int> result{0};
	unsigned helpers = 0; // threads of the pool that run blocks of it; under the pool's lock

	uint64_t blocks() const { return (uint64_t)grid.x * grid.y * grid.z; }
	// block_index is the block that runs as number-th.
	uint3 block_index(uint64_t number) const;
	// fail reports what went wrong and ends the launch; the first result counts.
	void fail(int code, const std::string &what);
};

// run_launch runs all blocks, on the calling thread and on others, and returns the
// result, 0 if none failed.
int run_launch(Launch *launch);

} // namespace emulator
