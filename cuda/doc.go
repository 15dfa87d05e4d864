// Package cuda is the device "cuda": the contract of package kernels on NVIDIA GPUs
// from Volta on.
//
//	dev, err := cuda.Open(0, kernels.Options{})
//
// or, by name, after a blank import of this package,
//
//	dev, err := kernels.Open("cuda:1", kernels.Options{})
//
// A program that imports it needs no CUDA toolkit and no GPU to be built: the driver
// is looked for when a device is opened, and Open says what is missing. The kernels
// are part of the program as PTX, which the driver compiles when one is used first.
// Gemm and Gram use cuBLAS where it is installed, and kernels of our own elsewhere.
//
// # Order
//
// A call enqueues and returns. Write returns once its source is in pinned memory,
// Read once its destination is filled. Sync spins for some microseconds, then sleeps
// until the GPU is done.
//
// # Memory
//
// Freed memory stays with the device and is used again: at once by the stream that
// used it last, by others as soon as the uses before are over. It goes back to the
// driver when there would be no room otherwise. Sizes are rounded up by an eighth at
// most, which Info does not count but Options.MemoryLimit does.
//
// A sparse matrix is brought to the device when it is used first. One that does not fit
// stays with the host. HalfStep then solves it in chunks of rows, each copied while those
// before are solved, through a ring of buffers that takes at most half of the memory
// that is free and stays with the stream until it is closed. A slice of the matrix is
// brought to the device as a whole by other operations, which answer a
// *kernels.MemoryError where it does not fit.
//
// Pinned memory of the host is 2 MiB for each stream that has transferred something, as
// much again for its ring, and once for the device if it has had a sparse matrix. It is
// used again by later streams, until the device is closed.
//
// # First use
//
// The PTX of all kernels takes 5 MB of a program, one module a source file. A module is
// compiled when a kernel of it is used first, and the driver keeps the result in a
// cache of its own; Open compiles nothing. For sm_90 ptxas takes 0.3 s of a server's core
// at most for nearly all modules, 0.5 s for half-steps in TF32, and 0.8 s for those of any
// rank by methods other than Cholesky.
//
// # Faults
//
// A fault in a kernel takes the context of the GPU in this process, and with it every
// device that is open on it: all calls answer ErrDeviceLost. The error lists the
// kernels and copies enqueued since the stream was last known to be done;
// Options.Synchronous names the one at fault. Close works as always. The same GPU can
// be opened again once all devices on it are closed, if the driver lets the process
// have it.
//
// # Determinism
//
// The same call gives the same bits on every run: sums have a fixed order, nothing
// depends on which block ran first, and cuBLAS is called in the way for which it
// promises the same. Bits differ between models of GPU and between versions of the
// driver and of cuBLAS; Info().Path names all three.
package cuda
