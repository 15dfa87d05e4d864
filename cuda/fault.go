package cuda

import (
	"errors"
	"sync"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

// fault says what an error of the driver means for the device. One that is sticky
// loses it: the error names what was under way on all streams, for a fault shows on
// whichever stream asks first.
func (d *device) fault(err error) error {
	var e *driver.Error
	if err == nil || errors.Is(err, kernels.ErrMemory) || !errors.As(err, &e) {
		return err
	}
	if e.Sticky() {
		d.lost.CompareAndSwap(nil, &kernels.LostError{Cause: err, Pending: d.memory.pending()})
		return d.lost.Load()
	}
	if e.OutOfMemory() {
		return &exhausted{cause: err, memory: kernels.MemoryError{Free: d.memory.room()}}
	}
	return err
}

// exhausted is a call of the driver, other than an allocation, that found no memory:
// it does not say how much it wanted.
type exhausted struct {
	cause  error
	memory kernels.MemoryError
}

func (e *exhausted) Error() string   { return e.memory.Error() + ": " + e.cause.Error() }
func (e *exhausted) Unwrap() []error { return []error{&e.memory, e.cause} }

// queueLog names what was enqueued on a stream since it was last known to be done.
type queueLog struct {
	mu       sync.Mutex
	ops      [64]string // a ring: the newest are kept
	enqueued int        // operations in all
	done     int        // of these, those known to be done
}

func (l *queueLog) add(op string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops[l.enqueued%len(l.ops)] = op
	l.enqueued++
}

// end is the present end of the queue, for a later call of finished.
func (l *queueLog) end() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.enqueued
}

func (l *queueLog) finished(end int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = max(l.done, end)
}

// busy reports whether something may be under way.
func (l *queueLog) busy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done < l.enqueued
}

// pending lists the operations that are not known to be done, oldest first.
func (l *queueLog) pending() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	ops := make([]string, 0, len(l.ops))
	for i := max(l.done, l.enqueued-len(l.ops)); i < l.enqueued; i++ {
		ops = append(ops, l.ops[i%len(l.ops)])
	}
	return ops
}
