#include "launch.h"

#include "report.h"
#include "worker.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <numeric>
#include <thread>

namespace emulator {

namespace {

// The pool has a thread less than the machine has processors: who starts a launch
// runs blocks of it too.
struct Pool {
	std::mutex mutex;
	std::condition_variable work, finished;
	std::deque<Launch *> launches; // with blocks left to begin
	bool started = false;

	void start();
	void help();
};

Pool &pool() {
	static Pool *pool = new Pool; // its threads outlive every destructor
	return *pool;
}

void run_blocks(Launch *launch) {
	Worker &worker = Worker::mine();
	uint64_t number;
	while (launch->result == 0 && (number = launch->next_block++) < launch->blocks()) {
		worker.run_block(launch, number);
	}
}

void Pool::start() {
	started = true;
	for (unsigned n = 1; n < std::thread::hardware_concurrency(); n++) {
		std::thread([this] { help(); }).detach();
	}
}

void Pool::help() {
	std::unique_lock<std::mutex> lock(mutex);
	while (true) {
		work.wait(lock, [this] { return !launches.empty(); });
		Launch *launch = launches.front();
		launch->helpers++;
		lock.unlock();
		run_blocks(launch);
		lock.lock();
		launch->helpers--;
		launches.erase(std::remove(launches.begin(), launches.end(), launch), launches.end());
		finished.notify_all();
	}
}

} // namespace

int run_launch(Launch *launch) {
	if (launch->blocks() == 1) {
		run_blocks(launch);
		return launch->result;
	}
	Pool &p = pool();
	{
		std::lock_guard<std::mutex> lock(p.mutex);
		if (!p.started) {
			p.start();
		}
		p.launches.push_back(launch);
		p.work.notify_all();
	}
	run_blocks(launch);
	std::unique_lock<std::mutex> lock(p.mutex);
	p.launches.erase(std::remove(p.launches.begin(), p.launches.end(), launch), p.launches.end());
	p.finished.wait(lock, [launch] { return launch->helpers == 0; });
	return launch->result;
}

uint3 Launch::block_index(uint64_t number) const {
	uint64_t total = blocks();
	switch (order) {
	case ThreadOrder::forward:
		break;
	case ThreadOrder::reverse:
		number = total - 1 - number;
		break;
	case ThreadOrder::random: {
		// A step without a common divisor visits every block once.
		uint64_t step = seed % total + 1;
		while (std::gcd(step, total) != 1) {
			step++;
		}
		number = (uint64_t)(((unsigned __int128)number * step + seed) % total);
	}
	}
	return {(unsigned)(number % grid.x), (unsigned)(number / grid.x % grid.y), (unsigned)(number / grid.x / grid.y)};
}

void Launch::fail(int code, const std::string &what) {
	report(name + ": " + what);
	int none = 0;
	result.compare_exchange_strong(none, code);
}

} // namespace emulator
