// Streams: queues whose operations run later, on a thread of the host each, so that
// a wait that is missing shows.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace emulator {

// A Completion is done when all that was enqueued before it has run.
class Completion {
public:
	void finish();
	void wait();
	bool done();

private:
	std::mutex mutex_;
	std::condition_variable changed_;
	bool done_ = false;
};

// A Stream runs what it is given in order. After a fault of the device it runs
// nothing more, though completions finish.
class Stream {
public:
	Stream();
	~Stream(); // runs what is left

	void enqueue(std::function<void()> operation);
	std::shared_ptr<Completion> mark();
	void wait_for(std::shared_ptr<Completion> completion);
	void synchronize();
	bool idle();

private:
	void enqueue_always(std::function<void()> operation);
	void run();

	std::mutex mutex_;
	std::condition_variable changed_;
	std::deque<std::function<void()>> operations_;
	bool busy_ = false, ending_ = false;
	std::thread thread_;
};

// The fault that has made the device unusable, 0 if none.
extern std::atomic<int> device_fault;
void lose_device(int code);

// set_stream_delay has every stream wait before each operation.
void set_stream_delay(unsigned microseconds);

} // namespace emulator
