// The thread order of the launches to come.
#pragma once

#include "../runtime/launch.h"

namespace emulator {

void set_thread_order(ThreadOrder order, uint64_t seed);

} // namespace emulator
