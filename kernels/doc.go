// Package kernels is the contract between the models of halfstep and the
// devices that compute for them.
//
// A model (package als) is written once, against the interfaces of this
// package. A device (package cpu, package cuda) implements them. Nothing else
// passes between the two, so a model cannot behave differently on a GPU than on
// a CPU because somebody wrote it twice.
//
// # The pieces
//
//	Device         one GPU, or one pool of CPU workers
//	Stream         an in-order queue of work on a device: the methods below
//	Transfer       memory: Alloc, Write, Read, Copy, Zero
//	LinearAlgebra  Gemm, Gram, SpMM, gather and scatter, element-wise operations
//	Factorization  the half-step of ALS, its parts, its loss, and its predictions
//	Mem            a block of device memory
//	Buffer, Matrix, Batch   typed views of a Mem
//	CSR            a sparse matrix of ratings on the device
//	Problem        one half-step of ALS: what is solved, for whom, and how
//
// # Opening a device
//
// A backend registers itself when its package is imported:
//
//	import _ "github.com/halfstep-ml/halfstep/cpu"
//
//	dev, err := kernels.Open("cpu", kernels.Options{})
//
// Open gives the device that was asked for or an error that says why not.
// OpenFirst goes through a list of names and also returns what it passed over,
// with the reasons.
//
// # Order
//
// A call on a Stream checks its arguments, enqueues the work and returns. On the
// CPU the work has run when the call returns. Write returns once its source may
// be reused; Read returns once its destination is filled, and so waits for all
// that was enqueued before it. Record and Wait order one stream after another.
// Free takes effect after every use that was already enqueued.
//
// # Errors
//
// They come in three kinds.
//
// Wrong arguments are found before anything is enqueued, by one decorator
// (Checked) that every backend is wrapped in, and so in the same words
// everywhere. They are ErrArgument; the device is as it was.
//
// A fault of the device is sticky. From then on every stream answers
// ErrDeviceLost and names the operations that were under way. Close still works.
//
// A numerical failure is data: Problem.Info says which row failed at which
// pivot. What to do about it is the model's business.
//
// # Memory
//
// Whoever allocates frees. There are no finalizers. Device.Close reports what
// was left behind with the place that allocated it, and releases it.
//
// # Precision and determinism
//
// float32 is the compute type; Loss sums in float64. The same binary on the same
// backend and instruction path (Info.Path) gives the same bits, for any number
// of threads and on every run. Between backends and paths results agree within
// the tolerances of package kernelstest.
package kernels
