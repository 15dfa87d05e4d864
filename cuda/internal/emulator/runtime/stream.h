// Streams: queues whose operations run later, on a thread of the host each, so that
// a wait that is missing shows.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace emulator {

struct Queue;

// A Completion is done when all that was enqueued before it has run.
class Completion {
public:
	Completion(std::shared_ptr<Queue> queue, uint64_t number) : queue_(queue), number_(number) {}

	// wait returns when it is done, and when that was on the clock.
	double wait();
	// done reports whether the host, asking now, is told that it is.
	bool done();

private:
	friend class Stream;

	std::shared_ptr<Queue> queue_;
	uint64_t number_; // of the entry of the queue that completes it
	double time_ = 0; // on the clock, once done
};

// A Stream runs what it is given in order. After a fault of the device it runs
// nothing more, though completions finish.
class Stream {
public:
	explicit Stream(int device);
	~Stream(); // runs what is left

	const int device;

	// enqueue adds an operation that takes so many seconds on the clock, and is noted
	// there if it has a name.
	void enqueue(std::function<void()> operation, const std::string &name = "", double seconds = 0);
	std::shared_ptr<Completion> mark();
	void wait_for(std::shared_ptr<Completion> completion);
	void synchronize();
	bool idle();
	// look_again has the stream see a change of set_on_demand.
	void look_again();
	// rewind sets the stream back to the start of the clock.
	void rewind();

private:
	std::shared_ptr<Queue> queue_;
	std::thread thread_;
};

// The fault that has made the device unusable, 0 if none.
extern std::atomic<int> device_fault;
void lose_device(int code);

// set_stream_delay has every stream wait before each operation.
void set_stream_delay(unsigned microseconds);

// set_on_demand has streams run nothing before somebody waits for it: the host, or a
// stream that is waited for itself. An operation that does not wait for what it needs
// then comes before it, and one that does not wait for what it destroys may as well.
void set_on_demand(bool on);

} // namespace emulator
