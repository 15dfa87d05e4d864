// What a module's PTX says of its kernels. The code itself is not run: the kernel of
// the same name that was compiled from the source is.
#pragma once

#include <map>
#include <string>

namespace emulator {

struct Entry {
	unsigned parameters = 0;
	unsigned most_threads = 0; // of __launch_bounds__; 0 if it says nothing
	unsigned shared_bytes = 0; // static
};

// parse_ptx returns the kernels by name; false if the text is no PTX module.
bool parse_ptx(const char *text, std::map<std::string, Entry> *entries);

} // namespace emulator
