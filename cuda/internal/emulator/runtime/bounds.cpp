// What a kernel calls that indexes an array beyond its bounds: the compiler adds the
// checks (-fsanitize=bounds), and this takes the place of its library. Static shared
// memory has no unreadable pages around it, so this is what guards it.

#include "worker.h"

namespace {

// The compiler's description of the place, as its library declares it.
struct OutOfBounds {
	const char *file;
	unsigned line, column;
};

} // namespace

extern "C" void __ubsan_handle_out_of_bounds(OutOfBounds *place, uintptr_t index) {
	using namespace emulator;
	Worker::running()->stop(illegal_address,
		format("index %zd is beyond the bounds of the array at %s", (intptr_t)index,
			emulator::place({place->file, (int)place->line}).c_str()));
}
