package cuda

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	ptx "github.com/halfstep-ml/halfstep/cuda/kernels"
	"github.com/halfstep-ml/halfstep/kernels"
)

func init() {
	kernels.Register("cuda", func(ordinal int, opts kernels.Options) (kernels.Device, error) { return Open(ordinal, opts) })
}

// Open opens a GPU by its number, from 0, in the order of the CUDA driver. Where
// there is none, or no driver that can run the kernels, the error is an
// ErrUnavailable that says why. Options.Threads is not used.
func Open(ordinal int, opts kernels.Options) (kernels.Device, error) {
	library, err := driver.Load()
	if err != nil {
		return nil, unavailable(err)
	}
	return openOn(library, ordinal, opts)
}

// minCapability is the oldest generation of GPUs that the PTX is for: Volta.
const minCapability = 7

func openOn(library *driver.Library, ordinal int, opts kernels.Options) (kernels.Device, error) {
	d, err := openDevice(library, ordinal, opts)
	if err != nil {
		return nil, err
	}
	return kernels.Checked(d), nil
}

func openDevice(library *driver.Library, ordinal int, opts kernels.Options) (*device, error) {
	return openIn(library, ordinal, opts, library.Open)
}

// openIn opens a device in the context that a function gives.
func openIn(library *driver.Library, ordinal int, opts kernels.Options, open func(ordinal int) (*driver.Context, error)) (*device, error) {
	if ordinal < 0 {
		return nil, &kernels.ArgumentError{Argument: "ordinal", Reason: fmt.Sprintf("%d, want 0 or more", ordinal)}
	}
	if opts.MemoryLimit < 0 {
		return nil, &kernels.ArgumentError{
			Argument: "opts.MemoryLimit",
			Reason:   fmt.Sprintf("%d, want 0 for no limit or more", opts.MemoryLimit),
		}
	}
	if want := driver.Version(ptx.DriverVersion()); library.Version() < want {
		return nil, unavailable(&driver.TooOldError{Have: library.Version(), Want: want})
	}
	context, err := open(ordinal)
	if err != nil {
		return nil, unavailable(err)
	}
	if major, minor := context.ComputeCapability(); major < minCapability {
		return nil, errors.Join(
			unavailable(fmt.Errorf("%s is of compute capability %d.%d, wanted is %d.0", context.Name(), major, minor, minCapability)),
			context.Close())
	}
	d, err := newDevice(library, context, ordinal, opts)
	if err != nil {
		return nil, errors.Join(err, context.Close())
	}
	return d, nil
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", kernels.ErrUnavailable, err) }

// device is a context on a GPU and what its streams share.
type device struct {
	library     *driver.Library
	context     *driver.Context
	ordinal     int
	synchronous bool
	reduced     bool // may round the factors of products
	partsLimit  int  // in place of the constant where it is not 0, for tests
	lost        atomic.Pointer[kernels.LostError]

	memory  allocator
	events  events
	staging stagingPool
	modules modules
	blas    blasPool

	// uploads is the stream that brings sparse matrices to the device.
	uploading sync.Mutex
	uploads   *stream
}

func newDevice(library *driver.Library, context *driver.Context, ordinal int, opts kernels.Options) (*device, error) {
	d := &device{library: library, context: context, ordinal: ordinal, synchronous: opts.Synchronous, reduced: opts.ReducedPrecision}
	d.events.context = context
	d.staging.context = context
	d.modules.context = context
	d.modules.loaded = make(map[string]*driver.Module)
	d.modules.functions = make(map[string]*function)
	d.memory = allocator{device: d, total: context.TotalMemory(), idle: make(map[int][]*block)}
	if opts.MemoryLimit > 0 {
		d.memory.total = min(d.memory.total, opts.MemoryLimit)
	}
	if err := d.blas.open(context, d.memory.total); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *device) Info() kernels.Info {
	major, minor := d.context.ComputeCapability()
	live, scratch := d.memory.held()
	precision := ""
	if d.reduced && major >= tf32Capability {
		precision = ", TF32"
	}
	return kernels.Info{
		Backend:       "cuda",
		Ordinal:       d.ordinal,
		Model:         d.context.Name(),
		Path:          fmt.Sprintf("sm_%d%d, %s, driver %v, %s%s", major, minor, d.context.Name(), d.library.Version(), d.blas.path(), precision),
		MemoryLive:    live,
		MemoryScratch: scratch,
		MemoryTotal:   d.memory.total,
		Libraries: []kernels.Library{
			{Name: "CUDA driver", Version: d.library.Version().String()},
			{Name: "cuBLAS", Version: d.blas.version},
		},
	}
}

func (d *device) NewStream() (kernels.Stream, error) { return d.newStream() }

// Close gives back what the device keeps for its streams. With a lost device goes
// everything at once: its calls would all answer the same error.
func (d *device) Close() error {
	if d.lost.Load() != nil {
		_ = d.context.Close()
		return nil
	}
	var errs []error
	if d.uploads != nil {
		errs = append(errs, d.uploads.Close())
	}
	errs = append(errs, d.memory.close(), d.staging.close(), d.events.close(), d.blas.close(), d.modules.close())
	errs = append(errs, d.context.Close())
	if err := errors.Join(errs...); err != nil {
		return d.fault(err)
	}
	return nil
}
