// Package emulator runs the CUDA device on a machine without a GPU, for tests. It
// compiles the kernels of package cuda/kernels with g++, each CUDA thread a fiber,
// and builds stand-ins for libcuda and libcublas that launch them. Package driver
// loads the stand-ins as it would load NVIDIA's libraries:
//
//	lib := emulator.Build(t)    // compiles, or takes it from the cache, and names it to the driver
//	lib.SetOrder(emulator.Reverse, 0)
//	...                         // open the device, test
//	lib.CheckReports(t)         // at the end
//
// What it shows: wrong indices (memory ends at unreadable pages, what was never
// written is NaN), missing and divergent barriers, lanes that miss a warp operation,
// races in shared memory (Config.Races), copies that nobody waited for, wrong
// lifetimes, and what the host does about errors, of which every one can be ordered.
// Never: speed, weak memory order, the rounding of fast intrinsics, inline PTX.
//
//	include/  CUDA C++ for g++, and the control functions
//	runtime/  fibers, blocks, device memory, streams
//	driver/   the stand-in for libcuda.so.1
//	cublas/   the stand-in for libcublas.so.12
package emulator
