// A clock of the emulated machine, on which a copy takes its bytes at a rate, a launch
// its blocks at a rate, and everything else nothing. The streams go on side by side; an
// operation begins when the host has asked for it, its stream is done with the one
// before, and the events it waits for have come to pass. The host is as late as what it
// has waited for.
#pragma once

#include <cstddef>
#include <string>

namespace emulator {

// set_clock starts the clock at 0; without rates it stands still and nothing is noted.
void set_clock(double bytes_per_second, double blocks_per_second);

double copy_seconds(size_t bytes);
double launch_seconds(unsigned long long blocks);

// host_time is how late it is for the host, and host_reaches has it wait until then.
double host_time();
void host_reaches(double time);
// host_asks reports whether the host, which looks at its watch, sees a time gone by.
bool host_asks(double time);

// What an operation of a stream did, for tests: a copy, or a launch of the kernel with
// that name.
struct Operation {
	std::string name;
	int stream;
	double asked, begun, ended;
};

void note_operation(const Operation &operation);
// take_operation removes the operation that was noted first; false if there is none.
bool take_operation(Operation *operation);

} // namespace emulator
