package cpu

import (
	"fmt"
	"runtime"

	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

func init() {
	kernels.Register("cpu", func(ordinal int, opts kernels.Options) (kernels.Device, error) {
		if ordinal != 0 {
			return nil, fmt.Errorf("%w: there is one cpu device, number 0", kernels.ErrUnavailable)
		}
		return Open(opts)
	})
}

// Open opens the device: a pool of opts.Threads workers over this machine's
// memory, bounded by opts.MemoryLimit. Each call makes a device of its own.
func Open(opts kernels.Options) (kernels.Device, error) {
	if opts.Threads < 0 {
		return nil, &kernels.ArgumentError{
			Argument: "opts.Threads",
			Reason:   fmt.Sprintf("%d, want 0 for the default or more", opts.Threads),
		}
	}
	if opts.MemoryLimit < 0 {
		return nil, &kernels.ArgumentError{
			Argument: "opts.MemoryLimit",
			Reason:   fmt.Sprintf("%d, want 0 for no limit or more", opts.MemoryLimit),
		}
	}
	simd.RequestTiles()
	threads := opts.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	total := machineMemory()
	if opts.MemoryLimit > 0 && (total == 0 || opts.MemoryLimit < total) {
		total = opts.MemoryLimit
	}
	return kernels.Checked(&device{
		pool:   newPool(threads),
		ledger: ledger{total: total},
		model:  machineModel(),
	}), nil
}

type device struct {
	pool   *pool
	ledger ledger
	model  string
}

func (d *device) Info() kernels.Info {
	live, scratch := d.ledger.held()
	return kernels.Info{
		Backend:       "cpu",
		Model:         d.model,
		Path:          simd.Path(),
		Threads:       d.pool.threads,
		MemoryLive:    live,
		MemoryScratch: scratch,
		MemoryTotal:   d.ledger.total,
	}
}

func (d *device) NewStream() (kernels.Stream, error) { return newStream(d), nil }

func (d *device) NewCSR(host kernels.HostCSR) (kernels.CSR, error) { return newCSR(host), nil }

func (d *device) Close() error {
	d.pool.close()
	return nil
}
