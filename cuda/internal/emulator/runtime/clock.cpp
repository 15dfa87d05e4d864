#include "clock.h"

#include <algorithm>
#include <deque>
#include <mutex>

namespace emulator {

namespace {

// An answer to a query takes a moment, so that who asks again and again gets older.
const double query_seconds = 1e-6;

std::mutex mutex;
double seconds_per_byte, seconds_per_block, host;
std::deque<Operation> operations;

bool runs() { return seconds_per_byte > 0 || seconds_per_block > 0; }

} // namespace

void set_clock(double bytes_per_second, double blocks_per_second) {
	std::lock_guard<std::mutex> lock(mutex);
	seconds_per_byte = bytes_per_second > 0 ? 1 / bytes_per_second : 0;
	seconds_per_block = blocks_per_second > 0 ? 1 / blocks_per_second : 0;
	host = 0;
	operations.clear();
}

double copy_seconds(size_t bytes) {
	std::lock_guard<std::mutex> lock(mutex);
	return seconds_per_byte * (double)bytes;
}

double launch_seconds(unsigned long long blocks) {
	std::lock_guard<std::mutex> lock(mutex);
	return seconds_per_block * (double)blocks;
}

double host_time() {
	std::lock_guard<std::mutex> lock(mutex);
	return host;
}

void host_reaches(double time) {
	std::lock_guard<std::mutex> lock(mutex);
	if (runs()) {
		host = std::max(host, time);
	}
}

bool host_asks(double time) {
	std::lock_guard<std::mutex> lock(mutex);
	if (!runs()) {
		return true;
	}
	host += query_seconds;
	return time <= host;
}

void note_operation(const Operation &operation) {
	std::lock_guard<std::mutex> lock(mutex);
	if (runs()) {
		operations.push_back(operation);
	}
}

bool take_operation(Operation *operation) {
	std::lock_guard<std::mutex> lock(mutex);
	if (operations.empty()) {
		return false;
	}
	*operation = operations.front();
	operations.pop_front();
	return true;
}

} // namespace emulator
