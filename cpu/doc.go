// Package cpu is the device "cpu": the contract of package kernels on a pool of
// workers. It has no cgo and runs wherever Go does.
//
//	dev, err := cpu.Open(kernels.Options{Threads: 4})
//
// or, by name, after a blank import of this package,
//
//	dev, err := kernels.Open("cpu", kernels.Options{})
//
// # Order
//
// A call has run when it returns. Record, Wait and Sync therefore have nothing to
// do, and Options.Synchronous changes nothing.
//
// # Workers
//
// A device has Options.Threads workers (GOMAXPROCS by default): the goroutine
// that makes a call is one of them, the others belong to the device, live until
// Close, and help every stream that has work. A call is cut into tasks; workers
// take them one at a time. Work below some ten microseconds is not cut.
//
// # Determinism
//
// The same call gives the same bits for any number of threads. Where a call is
// cut depends on shapes and row lengths alone; a sum over several tasks is added
// up in the order of the tasks; nothing depends on which worker ran which. What is
// computed for a row of a sparse matrix depends on that row alone, so a slice
// gives the same bits as the whole.
//
// # Rows and their schedule
//
// Rows of ratings differ in length by orders of magnitude. NewCSR and Slice cut
// the rows into groups of neighbours with about as many ratings each, and the
// largest groups are taken first. The ratings of a row are summed in parts of
// fixed length. A row that is long even when compared with the whole matrix is not
// a task: its parts are, and the workers solve it together.
//
// Up to some rank Cholesky solves as many rows at a time as a vector has lanes: rows wait
// for others, beyond their task. Where it pays, rows of Explicit with fewer ratings than
// unknowns are solved in the dual form, from a system with an unknown for each rating.
//
// # Memory
//
// A sparse matrix aliases the host's slices and costs only its schedule, which is
// not counted. Each stream has a scratch arena, an area for each worker that takes
// part, which grows to what its calls need and then stays: a call that is repeated
// with the same shapes allocates nothing. Info().MemoryScratch counts it. Scratch
// that does not fit Options.MemoryLimit is a *kernels.MemoryError like that of
// Alloc.
//
// Memory comes from the Go heap or, in blocks of some megabytes on Linux, from the
// system, in large pages where it has them. A block larger than what is left of the
// machine's memory is refused; below that the system maps pages when they are first
// used.
//
// # Speed
//
// Package cpu/internal/simd holds the inner loops: in assembly for AVX2, AVX-512 and AMX
// on amd64, in plain Go elsewhere. Info().Path says which are in use. Bits differ
// between these.
//
// The tile registers of AMX multiply bfloat16; a float32 is the sum of three of these, and
// large matrices are multiplied in such pieces with the accuracy of float32. Operands for
// which that does not hold are multiplied without AMX, so that infinities, NaN and numbers
// near the ends of the range behave as ever. Linux grants the tile registers to a process
// that asks: the first Open does, with arch_prctl. Signal frames of the process grow by 8 KB
// then.
package cpu
