#include "stream.h"

#include <chrono>

namespace emulator {

std::atomic<int> device_fault{0};

namespace {
std::atomic<unsigned> delay{0};
}

void lose_device(int code) {
	int none = 0;
	device_fault.compare_exchange_strong(none, code);
}

void set_stream_delay(unsigned microseconds) { delay = microseconds; }

void Completion::finish() {
	std::lock_guard<std::mutex> lock(mutex_);
	done_ = true;
	changed_.notify_all();
}

void Completion::wait() {
	std::unique_lock<std::mutex> lock(mutex_);
	changed_.wait(lock, [this] { return done_; });
}

bool Completion::done() {
	std::lock_guard<std::mutex> lock(mutex_);
	return done_;
}

Stream::Stream() : thread_([this] { run(); }) {}

Stream::~Stream() {
	{
		std::lock_guard<std::mutex> lock(mutex_);
		ending_ = true;
		changed_.notify_all();
	}
	thread_.join();
}

void Stream::run() {
	std::unique_lock<std::mutex> lock(mutex_);
	while (true) {
		changed_.wait(lock, [this] { return ending_ || !operations_.empty(); });
		if (operations_.empty()) {
			return;
		}
		std::function<void()> operation = std::move(operations_.front());
		operations_.pop_front();
		busy_ = true;
		lock.unlock();
		if (delay != 0) {
			std::this_thread::sleep_for(std::chrono::microseconds(delay));
		}
		operation();
		operation = nullptr;
		lock.lock();
		busy_ = false;
		changed_.notify_all();
	}
}

void Stream::enqueue_always(std::function<void()> operation) {
	std::lock_guard<std::mutex> lock(mutex_);
	operations_.push_back(std::move(operation));
	changed_.notify_all();
}

void Stream::enqueue(std::function<void()> operation) {
	enqueue_always([operation = std::move(operation)] {
		if (device_fault == 0) {
			operation();
		}
	});
}

std::shared_ptr<Completion> Stream::mark() {
	auto completion = std::make_shared<Completion>();
	enqueue_always([completion] { completion->finish(); });
	return completion;
}

void Stream::wait_for(std::shared_ptr<Completion> completion) {
	enqueue_always([completion] { completion->wait(); });
}

void Stream::synchronize() {
	std::unique_lock<std::mutex> lock(mutex_);
	changed_.wait(lock, [this] { return operations_.empty() && !busy_; });
}

bool Stream::idle() {
	std::lock_guard<std::mutex> lock(mutex_);
	return operations_.empty() && !busy_;
}

} // namespace emulator
