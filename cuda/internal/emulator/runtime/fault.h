// Faults of a kernel: what is a signal on the host ends the launch, as an illegal
// address ends it on a GPU.
#pragma once

namespace emulator {

// catch_faults installs the handlers. Signals of other code go where they went.
void catch_faults();

// use_signal_stack gives the calling thread a stack for handlers, so that the overflow
// of a fiber's stack can be handled too.
void use_signal_stack();

} // namespace emulator
