// Where the static shared variables of a kernel lie. They are variables of a thread
// of the host, so each worker has its own; a library's lie together.
#pragma once

namespace emulator {

struct SharedVariables {
	char *begin, *end;
};

// shared_variables returns the range, for the calling thread of the host, of the
// library that the function belongs to, which returns any one of them.
SharedVariables shared_variables(void *(*any)());

} // namespace emulator
