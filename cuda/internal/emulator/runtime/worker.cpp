#include "worker.h"

#include "fault.h"
#include "shared_variables.h"

#include <cstdlib>
#include <sys/mman.h>

namespace emulator {

__thread const ThreadView *current_thread;
__thread const BlockView *current_block;

namespace {

__thread Worker *running_worker;

const size_t dynamic_capacity = 256 << 10; // more than any GPU has in a block
const size_t page = 4096;

bool same_site(Site a, Site b) { return a.line == b.line && (a.file == b.file || strcmp(a.file, b.file) == 0); }

const char *name_of(WarpOperation operation) {
	switch (operation) {
	case WarpOperation::sync:
		return "__syncwarp";
	case WarpOperation::shuffle:
		return "shuffle";
	case WarpOperation::ballot:
		return "vote";
	default:
		return "match";
	}
}

} // namespace

Worker &Worker::mine() {
	thread_local std::unique_ptr<Worker> worker(new Worker);
	return *worker;
}

Worker *Worker::running() { return running_worker; }

Worker::Worker() : threads_(new Thread[most_threads]) {
	dynamic_reserved_ = dynamic_capacity + page;
	dynamic_memory_ = static_cast<char *>(
		mmap(nullptr, dynamic_reserved_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	if (dynamic_memory_ == MAP_FAILED) {
		abort();
	}
	dynamic_end = dynamic_memory_ + dynamic_capacity;
	mprotect(dynamic_end, page, PROT_NONE);
	use_signal_stack();
}

Worker::~Worker() {
	munmap(dynamic_memory_, dynamic_reserved_);
	delete[] threads_;
}

void Worker::run_block(Launch *launch, uint64_t number) {
	launch_ = launch;
	block_.index = launch->block_index(number);
	block_.threads = launch->threads;
	block_.grid = launch->grid;
	threads_count_ = launch->threads.x * launch->threads.y * launch->threads.z;
	live_ = threads_count_;
	waiting_ = 0;
	round_ = 0;
	random_state_ = (launch->seed + number + 1) * 0x9e3779b97f4a7c15 | 1;
	prepare_shared(launch->shared_bytes);
	stacks_.reclaim();

	uint3 index = {0, 0, 0};
	for (unsigned i = 0; i < threads_count_; i++) {
		threads_[i].index = index;
		threads_[i].number = i;
		threads_[i].stack = nullptr;
		if (++index.x == launch->threads.x) {
			index.x = 0;
			if (++index.y == launch->threads.y) {
				index.y = 0;
				index.z++;
			}
		}
	}
	warps_.resize((threads_count_ + 31) / 32);
	for (unsigned w = 0; w < warps_.size(); w++) {
		unsigned lanes_here = threads_count_ - 32 * w;
		unsigned all = lanes_here >= 32 ? 0xffffffffu : (1u << lanes_here) - 1;
		warps_[w] = {all, all, 0, 0};
	}

	current_block = &block_;
	running_worker = this;
	if (Thread *first = next_thread()) {
		resume(first, &scheduler_);
	}
	running_worker = nullptr;
}

// prepare_shared fills shared memory with NaN, and all bits set as integers. The
// dynamic part ends at an unreadable page.
void Worker::prepare_shared(unsigned bytes) {
	SharedVariables variables = shared_variables(launch_->shared_variable);
	shared_begin = variables.begin;
	shared_end = variables.end;
	memset(shared_begin, 0xff, shared_end - shared_begin);
	dynamic_begin = dynamic_end - (bytes + 15) / 16 * 16;
	memset(dynamic_begin, 0xff, dynamic_end - dynamic_begin);
	block_.dynamic_shared = dynamic_begin;
	if (Races::wanted()) {
		races_.begin_block(shared_begin, shared_end, dynamic_begin, dynamic_end, threads_count_);
	}
}

uint64_t Worker::random() {
	random_state_ ^= random_state_ << 13;
	random_state_ ^= random_state_ >> 7;
	random_state_ ^= random_state_ << 17;
	return random_state_;
}

// next_thread chooses who runs next; null if the block has ended or cannot go on.
//
// Within a warp the lanes take turns, each up to the next operation at which it has
// to wait. In forward order a warp goes on for as long as it can before the next one
// begins, which leaves the warps as far apart as barriers let them; in reverse order
// the last warp leads; in random order each turn may be another warp's.
Thread *Worker::next_thread() {
	while (true) {
		if (round_ != 0) {
			return next_in_round();
		}
		unsigned count = warps_.size();
		unsigned start = launch_->order == ThreadOrder::random ? random() % count : 0;
		for (unsigned i = 0; i < count; i++) {
			unsigned w = launch_->order == ThreadOrder::reverse ? count - 1 - i : (start + i) % count;
			if (warps_[w].ready != 0) {
				round_warp_ = w;
				round_ = warps_[w].ready;
				break;
			}
		}
		if (round_ != 0) {
			continue;
		}
		if (live_ == 0) {
			return nullptr;
		}
		if (waiting_ < live_) {
			report_deadlock();
			return nullptr;
		}
		if (!release_barrier()) {
			return nullptr;
		}
	}
}

Thread *Worker::next_in_round() {
	unsigned lane;
	switch (launch_->order) {
	case ThreadOrder::forward:
		lane = __builtin_ctz(round_);
		break;
	case ThreadOrder::reverse:
		lane = 31 - __builtin_clz(round_);
		break;
	default: {
		unsigned turn = random() % 32;
		unsigned turned = round_ >> turn | round_ << (32 - turn) % 32;
		lane = (__builtin_ctz(turned) + turn) % 32;
	}
	}
	round_ &= ~(1u << lane);
	return &threads_[32 * round_warp_ + lane];
}

int Worker::barrier(Site site, Barrier, bool predicate) {
	Thread &self = *current_;
	Warp &warp = warps_[self.number / 32];
	unsigned lane = 1u << self.number % 32;
	self.barrier_site = site;
	self.predicate = predicate;
	warp.ready &= ~lane;
	warp.at_barrier |= lane;
	waiting_++;
	suspend();
	return barrier_count_;
}

// release_barrier lets all threads go on that wait at the barrier, if it is one.
bool Worker::release_barrier() {
	const Thread *first = nullptr;
	int count = 0;
	for (unsigned w = 0; w < warps_.size(); w++) {
		for (unsigned left = warps_[w].at_barrier; left != 0; left &= left - 1) {
			const Thread &thread = threads_[32 * w + __builtin_ctz(left)];
			if (first == nullptr) {
				first = &thread;
			}
			if (!same_site(first->barrier_site, thread.barrier_site)) {
				launch_->fail(launch_failed,
					format("block %s: divergent barrier: thread %s waits at %s, thread %s at %s", text_of(block_.index).c_str(),
						text_of(first->index).c_str(), place(first->barrier_site).c_str(), text_of(thread.index).c_str(),
						place(thread.barrier_site).c_str()));
				return false;
			}
			count += thread.predicate;
		}
	}
	for (Warp &warp : warps_) {
		warp.ready = warp.at_barrier;
		warp.at_barrier = 0;
	}
	waiting_ = 0;
	barrier_count_ = count;
	races_.barrier();
	return true;
}

uint64_t Worker::warp_meet(Site site, WarpOperation operation, unsigned mask, uint64_t value, unsigned source) {
	Thread &self = *current_;
	unsigned warp_number = self.number / 32, lane = 1u << self.number % 32;
	if ((mask & lane) == 0) {
		stop(launch_failed, format("%s at %s: the lane is not in its own mask, lanes %s", name_of(operation), place(site).c_str(),
			lanes(mask).c_str()));
	}
	self.meeting = {site, operation, mask, value, source, 0};
	warps_[warp_number].ready &= ~lane;
	warps_[warp_number].meeting |= lane;
	try_meeting(warp_number, mask);
	if (launch_->result != 0) {
		stop_quietly();
	}
	suspend();
	return self.meeting.result;
}

// try_meeting lets the lanes of a mask go on if all that have not ended are there.
void Worker::try_meeting(unsigned warp_number, unsigned mask) {
	Warp &warp = warps_[warp_number];
	Thread *threads = &threads_[32 * warp_number];
	unsigned taking_part = mask & warp.live;
	if ((warp.meeting & taking_part) != taking_part || taking_part == 0) {
		return;
	}
	const Meeting &first = threads[__builtin_ctz(taking_part)].meeting;
	unsigned votes = 0;
	for (unsigned left = taking_part; left != 0; left &= left - 1) {
		unsigned lane = __builtin_ctz(left);
		const Meeting &meeting = threads[lane].meeting;
		if (meeting.mask != mask) {
			return; // it takes part in another meeting before
		}
		bool together = meeting.operation == WarpOperation::sync || same_site(meeting.site, first.site);
		if (meeting.operation != first.operation || !together) {
			launch_->fail(launch_failed,
				format("block %s warp %u: divergent warp operation: lane %d is in %s at %s, lane %u in %s at %s",
					text_of(block_.index).c_str(), warp_number, __builtin_ctz(taking_part), name_of(first.operation),
					place(first.site).c_str(), lane, name_of(meeting.operation), place(meeting.site).c_str()));
			return;
		}
		votes |= (unsigned)(meeting.value != 0) << lane;
	}
	for (unsigned left = taking_part; left != 0; left &= left - 1) {
		unsigned lane = __builtin_ctz(left);
		Meeting &meeting = threads[lane].meeting;
		switch (meeting.operation) {
		case WarpOperation::sync:
			break;
		case WarpOperation::ballot:
			meeting.result = votes;
			break;
		case WarpOperation::match:
			for (unsigned other = taking_part; other != 0; other &= other - 1) {
				unsigned peer = __builtin_ctz(other);
				meeting.result |= (uint64_t)(threads[peer].meeting.value == meeting.value) << peer;
			}
			break;
		case WarpOperation::shuffle:
			if (meeting.source > 31 || (taking_part >> meeting.source & 1) == 0) {
				launch_->fail(launch_failed,
					format("block %s warp %u: shuffle at %s: lane %u reads lane %u, which does not take part; lanes %s do",
						text_of(block_.index).c_str(), warp_number, place(meeting.site).c_str(), lane, meeting.source,
						lanes(taking_part).c_str()));
				return;
			}
			meeting.result = threads[meeting.source].meeting.value;
		}
	}
	warp.meeting &= ~taking_part;
	warp.ready |= taking_part;
	if (first.operation == WarpOperation::sync && Races::wanted()) {
		races_.sync_warp(warp_number, taking_part);
	}
}

// report_deadlock says what each group of threads waits for in vain.
void Worker::report_deadlock() {
	std::string waits;
	for (unsigned w = 0; w < warps_.size() && waits.size() < 1000; w++) {
		const Warp &warp = warps_[w];
		if (warp.at_barrier != 0) {
			const Thread &thread = threads_[32 * w + __builtin_ctz(warp.at_barrier)];
			waits += format("; warp %u: lanes %s at the barrier of %s", w, lanes(warp.at_barrier).c_str(),
				place(thread.barrier_site).c_str());
		}
		for (unsigned left = warp.meeting; left != 0;) {
			const Meeting &meeting = threads_[32 * w + __builtin_ctz(left)].meeting;
			unsigned group = 0;
			for (unsigned other = left; other != 0; other &= other - 1) {
				unsigned lane = __builtin_ctz(other);
				const Meeting &its = threads_[32 * w + lane].meeting;
				if (its.mask == meeting.mask && same_site(its.site, meeting.site)) {
					group |= 1u << lane;
				}
			}
			waits += format("; warp %u: lanes %s in %s at %s, where lanes %s are missing", w, lanes(group).c_str(),
				name_of(meeting.operation), place(meeting.site).c_str(), lanes(meeting.mask & warp.live & ~group).c_str());
			left &= ~group;
		}
	}
	launch_->fail(launch_failed, format("block %s: deadlock%s", text_of(block_.index).c_str(), waits.c_str()));
}

void Worker::end_current() {
	unsigned warp_number = current_->number / 32, lane = 1u << current_->number % 32;
	Warp &warp = warps_[warp_number];
	warp.live &= ~lane;
	warp.ready &= ~lane;
	live_--;
	for (unsigned left = warp.meeting; left != 0 && launch_->result == 0; left &= left - 1) {
		try_meeting(warp_number, threads_[32 * warp_number + __builtin_ctz(left)].meeting.mask);
	}
}

// fiber_main runs threads from their first instruction, one after another for as long
// as they end without waiting, so that a kernel without barriers needs one fiber.
void Worker::fiber_main() {
	Worker &worker = *running_worker;
	while (true) {
		worker.launch_->body();
		worker.end_current();
		Stack *stack = worker.current_->stack;
		Thread *next = worker.launch_->result == 0 ? worker.next_thread() : nullptr;
		if (next == nullptr || next->stack != nullptr) {
			worker.stacks_.give(stack);
			worker.resume(next, &stack->context);
		}
		next->stack = stack;
		worker.current_ = next;
		current_thread = next;
	}
}

// suspend returns when the running thread is chosen again.
void Worker::suspend() {
	Thread *self = current_, *next = next_thread();
	if (next != self) {
		resume(next, &self->stack->context);
	}
}

// resume goes on with a thread, or with run_block if there is none.
void Worker::resume(Thread *next, Context *from) {
	if (next == nullptr) {
		switch_context(from, &scheduler_);
		return;
	}
	if (next->stack == nullptr) {
		next->stack = stacks_.take();
		next->stack->prepare(fiber_main);
	}
	current_ = next;
	current_thread = next;
	switch_context(from, &next->stack->context);
}

void Worker::stop(int code, const std::string &what) {
	launch_->fail(code, who() + ": " + what);
	stop_quietly();
}

void Worker::stop_quietly() {
	switch_context(&current_->stack->context, &scheduler_);
	__builtin_unreachable();
}

std::string Worker::who() const {
	return "block " + text_of(block_.index) + " thread " + text_of(current_->index);
}

int barrier(Site site, Barrier kind, bool predicate) { return Worker::running()->barrier(site, kind, predicate); }

uint64_t warp_meet(Site site, WarpOperation operation, unsigned mask, uint64_t value, unsigned source) {
	return Worker::running()->warp_meet(site, operation, mask, value, source);
}

unsigned lane_id() { return Worker::running()->current().number % 32; }

unsigned active_lanes() { return Worker::running()->lanes_alive(); }

void trap(Site site, const char *reason) {
	Worker::running()->stop(assertion, std::string(reason) + " at " + place(site));
}

} // namespace emulator
