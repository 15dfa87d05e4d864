package kernels

// Device is one GPU, or one pool of CPU workers. It is safe for concurrent use.
type Device interface {
	// Info describes the device and what is allocated on it now.
	Info() Info

	// NewStream returns an empty queue. The caller closes it.
	NewStream() (Stream, error)

	// NewCSR makes a sparse matrix available to the streams of this device. It
	// checks every offset and column id once, so that no kernel has to, and
	// builds the schedule of its rows. The host slices stay the caller's, must
	// not change before Free, and may be used by the device directly.
	NewCSR(host HostCSR) (CSR, error)

	// Close releases the device. What is still allocated, open or uploaded is
	// released too, and reported as a *LeakError that names the places. A second
	// Close answers ErrClosed.
	Close() error
}

// Info describes a Device.
type Info struct {
	Backend string // the registered name, such as "cpu"
	Ordinal int    // which of the backend's devices, from 0
	Model   string // the maker's name of the processor
	Path    string // the instruction path in use; results are bit-identical only within one path
	Threads int    // workers, on a CPU

	MemoryLive    int64 // bytes allocated through Alloc and not freed
	MemoryScratch int64 // bytes the streams hold for themselves, and device copies of CSR matrices
	MemoryTotal   int64 // bytes the device may hold in all; 0 where there is no known limit

	Libraries []Library // what computes underneath, such as cuBLAS
}

// Library is a library that a device computes with.
type Library struct {
	Name    string
	Version string
}

// Options are what a caller may choose when a device is opened. The zero value
// is the default.
type Options struct {
	// Threads is the number of workers of a CPU device, 0 for GOMAXPROCS. It
	// changes speed, never results.
	Threads int

	// MemoryLimit bounds the bytes that the device holds, allocations and
	// scratch together. 0 leaves the bound to the hardware. Past it Alloc
	// answers ErrMemory.
	MemoryLimit int64

	// Synchronous makes every call wait for its own work, so that a fault is
	// reported by the operation that caused it. It is for debugging.
	Synchronous bool

	// ReducedPrecision lets a device round the factors of products to fewer bits
	// than float32 has where that is faster. Info.Path says so then. A GPU from
	// Ampere on builds the normal equations of HalfStep in TF32, of 11 bits: rows
	// are off by some 5·10⁻⁴ times the condition of their systems. A CPU takes no
	// notice.
	ReducedPrecision bool
}

// Stream is a queue of operations that run in the order they were enqueued. It
// is used by one goroutine at a time; different streams may be used at once.
type Stream interface {
	Transfer
	LinearAlgebra
	Factorization

	// Record marks the present end of the queue. The caller frees the event.
	Record() (Event, error)

	// Wait holds back what is enqueued here from now on until the event, of
	// any stream of the same device, has come to pass.
	Wait(e Event) error

	// Sync returns when everything that was enqueued here has run.
	Sync() error

	// Close waits for what was enqueued and releases the stream's scratch
	// memory. Memory allocated through the stream stays the caller's.
	Close() error
}

// Event is a point in the queue of a stream.
type Event interface {
	// Done reports whether everything before the event has run.
	Done() (bool, error)
	Free() error
}
