// A worker runs one block after another on one thread of the host. Each thread of
// the block is a fiber; the worker decides which runs next, and brings them together
// at barriers and warp operations.
#pragma once

#include "fiber.h"
#include "launch.h"
#include "races.h"
#include "report.h"

#include <memory>
#include <string>
#include <vector>

namespace emulator {

const unsigned most_threads = 1024; // of a block

// What a lane waits for in a warp operation.
struct Meeting {
	Site site;
	WarpOperation operation;
	unsigned mask;
	uint64_t value;
	unsigned source;
	uint64_t result;
};

struct Thread : ThreadView {
	unsigned number; // in the block
	Stack *stack;    // null until the thread has begun
	Meeting meeting;
	Site barrier_site;
	bool predicate;
};

// Each lane is in just one of ready, meeting and at_barrier, or has ended.
struct Warp {
	unsigned live;
	unsigned ready;
	unsigned meeting;
	unsigned at_barrier;
};

class Worker {
public:
	// mine is the worker of the calling thread of the host, made at its first use.
	static Worker &mine();
	// running is the worker whose fiber runs on this thread of the host, or null.
	static Worker *running();

	Worker();
	~Worker();
	void run_block(Launch *launch, uint64_t number);

	// What the running thread of the block calls.
	int barrier(Site site, Barrier kind, bool predicate);
	uint64_t warp_meet(Site site, WarpOperation operation, unsigned mask, uint64_t value, unsigned source);
	[[noreturn]] void stop(int code, const std::string &what);
	[[noreturn]] void stop_quietly();

	// access tells of an access to memory, see races.h.
	void access(const void *address, size_t bytes, AccessKind kind, const void *instruction) {
		races_.access(current_->number, address, bytes, kind, instruction);
	}

	// who names the running thread.
	std::string who() const;
	Thread &current() { return *current_; }
	unsigned lanes_alive() const { return warps_[current_->number / 32].live; }
	Launch *launch() const { return launch_; }
	const BlockView &block() const { return block_; }
	const Stack *current_stack() const { return current_->stack; }
	// where_to_leave is the context that a fault handler goes to.
	Context *where_to_leave() { return &scheduler_; }

	// The static shared variables of the kernel's library, for this thread of the host.
	char *shared_begin = nullptr, *shared_end = nullptr;
	// The dynamic part.
	char *dynamic_begin = nullptr, *dynamic_end = nullptr;

private:
	static void fiber_main();
	Thread *next_thread();
	Thread *next_in_round();
	bool release_barrier();
	void report_deadlock();
	void suspend();
	void resume(Thread *next, Context *from);
	void end_current();
	void try_meeting(unsigned warp_number, unsigned mask);
	void prepare_shared(unsigned bytes);
	uint64_t random();

	Launch *launch_ = nullptr;
	Races races_;
	BlockView block_{};
	Context scheduler_;
	Stacks stacks_;
	Thread *threads_;
	std::vector<Warp> warps_;
	Thread *current_ = nullptr;
	unsigned threads_count_ = 0;
	unsigned live_ = 0;       // threads that have not ended
	unsigned waiting_ = 0;    // threads at a barrier
	unsigned round_warp_ = 0; // the warp whose lanes take turns
	unsigned round_ = 0;      // its lanes that have yet to run in this round
	int barrier_count_ = 0;   // threads whose predicate held at the last barrier
	uint64_t random_state_ = 1;
	char *dynamic_memory_ = nullptr;
	size_t dynamic_reserved_ = 0;
};

} // namespace emulator
