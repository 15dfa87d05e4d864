package kernelstest

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/halfstep-ml/halfstep/kernels"
	"github.com/stretchr/testify/require"
)

// Fault makes one call to a device fail: the Call-th, counted from 1, of the
// methods named in Ops, with Err. Without Ops every method counts that can fail
// for want of memory or of a device, which is all but Info, Done, Free and Close.
//
// An Err that is kernels.ErrDeviceLost stays: from then on every counted method
// fails with it. The failing call is not passed on to the device.
type Fault struct {
	Ops  []string
	Call int
	Err  error
}

// NoRoom is the error of an allocation that failed.
var NoRoom error = &kernels.MemoryError{Wanted: 1 << 20, Free: 1 << 10}

// FaultyDevice is a device with a fault. Use it in place of the device it wraps.
type FaultyDevice struct {
	kernels.Device
	fault Fault

	mu    sync.Mutex
	calls int
	fired bool
}

// Faulty gives a device, checked or not, a fault.
func Faulty(dev kernels.Device, fault Fault) *FaultyDevice {
	return &FaultyDevice{Device: dev, fault: fault}
}

// Fired reports whether the fault has come to pass.
func (d *FaultyDevice) Fired() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fired
}

// Calls is how often the methods that count have been called.
func (d *FaultyDevice) Calls() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls
}

// FailEach does the work over and over, each time on a device of its own: first
// with the first call of ops failing with cause, then the second, and so on until
// the work ends without meeting the fault. Then the work must succeed; before, it
// must return an error that is the cause. Each time it must leave nothing on the
// device.
func FailEach(t *testing.T, open func() kernels.Device, ops []string, cause error, work func(dev kernels.Device) error) {
	t.Helper()
	for n := 1; ; n++ {
		dev := Faulty(open(), Fault{Ops: ops, Call: n, Err: cause})
		err := work(dev)
		live := dev.Info().MemoryLive
		require.NoError(t, dev.Close(), "after a fault in call %d of %v", n, ops)
		require.Zero(t, live, "bytes still allocated after a fault in call %d of %v", n, ops)
		if !dev.Fired() {
			require.NoError(t, err, "without a fault")
			require.Greater(t, n, 1, "the work calls none of %v", ops)
			return
		}
		require.ErrorIs(t, err, cause, "call %d of %v failed", n, ops)
	}
}

// call counts a call and returns the error that it is to fail with.
func (d *FaultyDevice) call(op string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	lost := d.fired && errors.Is(d.fault.Err, kernels.ErrDeviceLost)
	if len(d.fault.Ops) == 0 || slices.Contains(d.fault.Ops, op) {
		d.calls++
		lost = lost || d.calls == d.fault.Call
	}
	if !lost {
		return nil
	}
	d.fired = true
	return &kernels.OpError{Backend: d.Info().Backend, Op: op, Err: d.fault.Err}
}

// NewStream returns a stream whose methods count.
func (d *FaultyDevice) NewStream() (kernels.Stream, error) {
	if err := d.call("NewStream"); err != nil {
		return nil, err
	}
	s, err := d.Device.NewStream()
	if err != nil {
		return nil, err
	}
	return &faultyStream{Stream: s, dev: d}, nil
}

// NewCSR returns a matrix whose Slice counts.
func (d *FaultyDevice) NewCSR(host kernels.HostCSR) (kernels.CSR, error) {
	if err := d.call("NewCSR"); err != nil {
		return nil, err
	}
	m, err := d.Device.NewCSR(host)
	if err != nil {
		return nil, err
	}
	return &faultyCSR{CSR: m, dev: d}, nil
}

type faultyCSR struct {
	kernels.CSR
	dev *FaultyDevice
}

func (m *faultyCSR) Slice(s kernels.Span) (kernels.CSR, error) {
	if err := m.dev.call("Slice"); err != nil {
		return nil, err
	}
	part, err := m.CSR.Slice(s)
	if err != nil {
		return nil, err
	}
	return &faultyCSR{CSR: part, dev: m.dev}, nil
}

// unwrap returns the matrix that the wrapped device made.
func unwrap(m kernels.CSR) kernels.CSR {
	if f, ok := m.(*faultyCSR); ok {
		return f.CSR
	}
	return m
}

// unwrapProblem returns the problem with the matrix that the wrapped device made.
func unwrapProblem(p *kernels.Problem) *kernels.Problem {
	if p == nil {
		return nil
	}
	own := *p
	own.R = unwrap(p.R)
	return &own
}
