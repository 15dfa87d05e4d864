#include "stream.h"

#include "clock.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

namespace emulator {

std::atomic<int> device_fault{0};

namespace {

std::atomic<unsigned> delay{0};
std::atomic<bool> on_demand{false};
std::atomic<int> queues_made{0};

// An Entry is given the time on the clock at which it begins, and returns that at which
// it ends.
struct Entry {
	std::function<double(double)> run;
	double asked; // for by the host
};

} // namespace

// A Queue is what a stream, its thread and its completions share.
struct Queue {
	const int number = ++queues_made;

	std::mutex mutex;
	std::condition_variable changed;
	std::deque<Entry> entries;
	uint64_t enqueued = 0, demanded = 0, finished = 0; // entries so far
	double time = 0;                                   // on the clock, after those finished
	bool ending = false;

	uint64_t add(std::function<double(double)> run);
	// wait_until has the first so many entries run, and waits for them.
	void wait_until(uint64_t count);
	bool has_finished(uint64_t count);
	void run();
};

uint64_t Queue::add(std::function<double(double)> run) {
	std::lock_guard<std::mutex> lock(mutex);
	entries.push_back({std::move(run), host_time()});
	changed.notify_all();
	return ++enqueued;
}

void Queue::wait_until(uint64_t count) {
	std::unique_lock<std::mutex> lock(mutex);
	demanded = std::max(demanded, count);
	changed.notify_all();
	changed.wait(lock, [=] { return finished >= count; });
}

bool Queue::has_finished(uint64_t count) {
	std::lock_guard<std::mutex> lock(mutex);
	return finished >= count;
}

void Queue::run() {
	std::unique_lock<std::mutex> lock(mutex);
	while (true) {
		changed.wait(lock, [this] { return ending || (!entries.empty() && (!on_demand || finished < demanded)); });
		if (entries.empty()) {
			return;
		}
		Entry entry = std::move(entries.front());
		entries.pop_front();
		double begin = std::max(time, entry.asked);
		lock.unlock();
		if (delay != 0) {
			std::this_thread::sleep_for(std::chrono::microseconds(delay));
		}
		double end = entry.run(begin);
		entry.run = nullptr;
		lock.lock();
		time = end;
		finished++;
		changed.notify_all();
	}
}

void lose_device(int code) {
	int none = 0;
	device_fault.compare_exchange_strong(none, code);
}

void set_stream_delay(unsigned microseconds) { delay = microseconds; }

void set_on_demand(bool on) { on_demand = on; }

double Completion::wait() {
	queue_->wait_until(number_);
	return time_;
}

bool Completion::done() { return queue_->has_finished(number_) && host_asks(time_); }

Stream::Stream(int device) : device(device), queue_(std::make_shared<Queue>()), thread_([queue = queue_] { queue->run(); }) {}

Stream::~Stream() {
	{
		std::lock_guard<std::mutex> lock(queue_->mutex);
		queue_->ending = true;
		queue_->changed.notify_all();
	}
	thread_.join();
}

void Stream::enqueue(std::function<void()> operation, const std::string &name, double seconds) {
	queue_->add([operation = std::move(operation), name, seconds, asked = host_time(), stream = queue_->number](double begin) {
		if (device_fault == 0) {
			operation();
		}
		if (!name.empty()) {
			note_operation({name, stream, asked, begin, begin + seconds});
		}
		return begin + seconds;
	});
}

std::shared_ptr<Completion> Stream::mark() {
	auto completion = std::make_shared<Completion>(queue_, 0);
	completion->number_ = queue_->add([completion](double begin) { return completion->time_ = begin; });
	return completion;
}

void Stream::wait_for(std::shared_ptr<Completion> completion) {
	queue_->add([completion](double begin) { return std::max(begin, completion->wait()); });
}

void Stream::synchronize() {
	std::unique_lock<std::mutex> lock(queue_->mutex);
	uint64_t all = queue_->enqueued;
	lock.unlock();
	queue_->wait_until(all);
	lock.lock();
	host_reaches(queue_->time);
}

bool Stream::idle() {
	std::lock_guard<std::mutex> lock(queue_->mutex);
	return queue_->finished == queue_->enqueued && host_asks(queue_->time);
}

void Stream::rewind() {
	std::lock_guard<std::mutex> lock(queue_->mutex);
	queue_->time = 0;
}

void Stream::look_again() {
	std::lock_guard<std::mutex> lock(queue_->mutex);
	queue_->changed.notify_all();
}

} // namespace emulator
