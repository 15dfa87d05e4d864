package workload

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/halfstep-ml/halfstep/kernels/kernelstest"
)

// Case is one kernel on operands of one shape.
type Case struct {
	Kernel string // as the method of the contract, such as half_step
	Shape  string

	Operations float64 // floating-point operations of a round
	Bytes      float64 // moved by a round
	Ratings    float64 // gone through by a round; 0 where there are none

	// MemoryBound says which of the two the round is held to: the rate of copying,
	// or that of multiplying and adding.
	MemoryBound bool

	prepare func(w *Work) error
}

func (c Case) String() string { return c.Kernel + " " + c.Shape }

// Work is a case with its operands on a device. It is used by one goroutine.
type Work struct {
	Case

	stream kernels.Stream
	dev    kernels.Device
	rng    *rand.Rand
	frees  []func() error

	run    func() error // enqueues a round
	reset  func() error // puts back what a round overwrites; nil if it may run again
	verify func() error // compares the results of the last round
}

// Prepare makes the operands from a seed of the case. The caller closes the work
// before the device.
func (c Case) Prepare(dev kernels.Device) (*Work, error) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(c.String()))
	stream, err := dev.NewStream()
	if err != nil {
		return nil, err
	}
	w := &Work{Case: c, dev: dev, stream: stream, rng: rand.New(rand.NewPCG(1, h.Sum64()))}
	if err := c.prepare(w); err != nil {
		return nil, fmt.Errorf("%v: %w", c, errors.Join(err, w.Close()))
	}
	return w, nil
}

// Close frees the operands.
func (w *Work) Close() error {
	var errs []error
	for _, free := range w.frees {
		errs = append(errs, free())
	}
	return errors.Join(append(errs, w.stream.Close())...)
}

// Verify runs a round and compares what it computed with the reference, in full or
// in a part.
func (w *Work) Verify() error {
	if _, err := w.round(); err != nil {
		return err
	}
	if err := w.verify(); err != nil {
		return fmt.Errorf("%v: %w", w.Case, err)
	}
	return nil
}

// Time runs rounds for about as long as is asked for, at least one, and returns the
// seconds of a round, until the device is done with it.
func (w *Work) Time(least time.Duration) (seconds float64, err error) {
	var total time.Duration
	rounds := 0
	for ; rounds == 0 || total < least; rounds++ {
		d, err := w.round()
		if err != nil {
			return 0, err
		}
		total += d
	}
	return total.Seconds() / float64(rounds), nil
}

func (w *Work) round() (time.Duration, error) {
	if w.reset != nil {
		if err := w.reset(); err != nil {
			return 0, err
		}
		if err := w.stream.Sync(); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	if err := w.run(); err != nil {
		return 0, err
	}
	if err := w.stream.Sync(); err != nil {
		return 0, err
	}
	return time.Since(start), nil
}

// matrix places rows×cols normally distributed elements of the given size.
func (w *Work) matrix(rows, cols int, size float64) (kernels.Matrix, []float32, error) {
	host := make([]float32, rows*cols)
	for i := range host {
		host[i] = float32(size * w.rng.NormFloat64())
	}
	m, err := w.zeros(rows, cols)
	if err != nil {
		return m, nil, err
	}
	return m, host, kernels.Upload(w.stream, m.Buf, host)
}

func (w *Work) zeros(rows, cols int) (kernels.Matrix, error) {
	m, err := kernels.AllocMatrix(w.stream, rows, cols)
	if err != nil {
		return m, err
	}
	w.frees = append(w.frees, m.Free)
	return m, w.stream.Fill(m, 0)
}

func buffer[E kernels.Element](w *Work, n int) (kernels.Buffer[E], error) {
	b, err := kernels.AllocBuffer[E](w.stream, n)
	if err == nil {
		w.frees = append(w.frees, b.Free)
	}
	return b, err
}

func (w *Work) csr(host kernels.HostCSR) (kernels.CSR, error) {
	r, err := w.dev.NewCSR(host)
	if err == nil {
		w.frees = append(w.frees, r.Free)
	}
	return r, err
}

// rowsOf is the rows lo to hi of a matrix in host memory, in float64.
func rowsOf(host []float32, cols, lo, hi int) kernelstest.Dense {
	return kernelstest.DenseOf(hi-lo, cols, host[lo*cols:hi*cols])
}

// sample is a few rows from the middle of n.
func sample(n, most int) (lo, hi int) {
	lo = n / 2
	return lo, min(lo+most, n)
}
