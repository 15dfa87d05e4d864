package kernels

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Checked wraps a device so that every argument of every call is checked before
// the device sees it, every resource is tracked until it is given back, and a
// lost device stays lost. Backends return their devices wrapped; wrapping twice
// changes nothing.
//
// The wrapped device may therefore rely on this: shapes agree, views lie within
// their memory, memory and matrices are live and its own, destinations do not
// overlap sources except where LinearAlgebra allows it, and no method is called
// after Close. Matrices and buffers that reach it hold its own Mem values.
func Checked(d Device) Device {
	if c, ok := d.(*checkedDevice); ok {
		return c
	}
	return &checkedDevice{
		inner:   d,
		backend: d.Info().Backend,
		live:    make(map[releaser]allocation),
	}
}

// checkedDevice is the wrapped device. Its live map holds every resource that
// was handed out and not given back.
type checkedDevice struct {
	inner   Device
	backend string
	lost    atomic.Pointer[LostError]
	closed  atomic.Bool

	mu     sync.Mutex
	issued int64
	live   map[releaser]allocation
}

// releaser is a tracked resource; release gives it back to the wrapped device
// and makes it unusable.
type releaser interface {
	release() error
	describe() string
}

type allocation struct {
	number  int64 // in order of issue
	callers [6]uintptr
}

func (d *checkedDevice) Info() Info { return d.inner.Info() }

func (d *checkedDevice) NewStream() (Stream, error) {
	if err := d.ready(); err != nil {
		return nil, d.fail("NewStream", "", err)
	}
	inner, err := d.inner.NewStream()
	if err != nil {
		return nil, d.fail("NewStream", "", err)
	}
	s := &checkedStream{dev: d, inner: inner}
	d.track(s)
	return s, nil
}

func (d *checkedDevice) NewCSR(host HostCSR) (CSR, error) {
	dims := func() string { return fmt.Sprintf("%d×%d, %d entries", host.Rows, host.Cols, host.Entries()) }
	err := d.ready()
	if err == nil {
		err = host.Check()
	}
	if err != nil {
		return nil, d.fail("NewCSR", dims(), err)
	}
	inner, err := d.inner.NewCSR(host)
	if err != nil {
		return nil, d.fail("NewCSR", dims(), err)
	}
	m := &checkedCSR{dev: d, inner: inner}
	d.track(m)
	return m, nil
}

func (d *checkedDevice) Close() error {
	if d.closed.Swap(true) {
		return d.fail("Close", "", ErrClosed)
	}
	left := d.abandon()
	var errs []error
	var leak LeakError
	for _, l := range left {
		leak.Leaks = append(leak.Leaks, Leak{What: l.resource.describe(), Site: l.site()})
		if err := l.resource.release(); err != nil && !errors.Is(err, ErrDeviceLost) {
			errs = append(errs, err)
		}
	}
	if err := d.inner.Close(); err != nil {
		errs = append(errs, err)
	}
	if len(left) > 0 {
		errs = append(errs, &leak)
	}
	if len(errs) == 0 {
		return nil
	}
	return &OpError{Backend: d.backend, Op: "Close", Err: errors.Join(errs...)}
}

// ready answers why nothing may be enqueued, or nil.
func (d *checkedDevice) ready() error {
	if d.closed.Load() {
		return ErrClosed
	}
	if lost := d.lost.Load(); lost != nil {
		return lost
	}
	return nil
}

// fail says where an error happened. It makes the loss of the device known to
// all that is open on it.
func (d *checkedDevice) fail(op, dims string, err error) error {
	if errors.Is(err, ErrDeviceLost) {
		err = d.lose(err, nil)
	}
	return &OpError{Backend: d.backend, Op: op, Dims: dims, Err: err}
}

// lose makes a fault of the device sticky. The first fault is the one that every
// later call reports. A device that says itself what was under way knows it better
// than pending does.
func (d *checkedDevice) lose(cause error, pending []string) *LostError {
	lost := &LostError{Cause: cause, Pending: pending}
	if own := (*LostError)(nil); errors.As(cause, &own) && len(own.Pending) > 0 {
		lost = own
	}
	d.lost.CompareAndSwap(nil, lost)
	return d.lost.Load()
}

func (d *checkedDevice) track(r releaser) {
	var a allocation
	// Skip Callers, track, and the method that issues the resource.
	runtime.Callers(3, a.callers[:])
	d.mu.Lock()
	defer d.mu.Unlock()
	d.issued++
	a.number = d.issued
	d.live[r] = a
}

// untrack reports whether the resource was still live.
func (d *checkedDevice) untrack(r releaser) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, live := d.live[r]
	delete(d.live, r)
	return live
}

type abandoned struct {
	resource releaser
	allocation
}

// abandon empties the live map and returns what was in it, streams first, since
// closing them waits for the uses of the rest, and then as it was issued.
func (d *checkedDevice) abandon() []abandoned {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := make([]abandoned, 0, len(d.live))
	for r, a := range d.live {
		left = append(left, abandoned{r, a})
	}
	clear(d.live)
	slices.SortFunc(left, func(a, b abandoned) int {
		_, aStream := a.resource.(*checkedStream)
		_, bStream := b.resource.(*checkedStream)
		if aStream != bStream {
			if aStream {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.number, b.number)
	})
	return left
}

// site names the first caller outside this package.
func (a allocation) site() string {
	frames := runtime.CallersFrames(a.callers[:])
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, packagePath+".") {
			return fmt.Sprintf("%s (%s:%d)", f.Function[strings.LastIndexByte(f.Function, '/')+1:], filepath.Base(f.File), f.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

const packagePath = "github.com/halfstep-ml/halfstep/kernels"

type checkedMem struct {
	dev   *checkedDevice
	inner Mem
	bytes int
	freed atomic.Bool
}

func (m *checkedMem) Bytes() int { return m.bytes }

func (m *checkedMem) Free() error { return m.dev.free(m, "Free") }

func (m *checkedMem) release() error {
	m.freed.Store(true)
	return m.inner.Free()
}

func (m *checkedMem) describe() string { return fmt.Sprintf("%d bytes", m.bytes) }

type checkedCSR struct {
	dev   *checkedDevice
	inner CSR
	freed atomic.Bool
}

func (m *checkedCSR) Rows() int       { return m.inner.Rows() }
func (m *checkedCSR) Cols() int       { return m.inner.Cols() }
func (m *checkedCSR) Entries() int64  { return m.inner.Entries() }
func (m *checkedCSR) HasValues() bool { return m.inner.HasValues() }

func (m *checkedCSR) Slice(s Span) (CSR, error) {
	dims := func() string { return fmt.Sprintf("rows [%d,%d) of %d", s.Lo, s.Hi, m.inner.Rows()) }
	err := m.dev.ready()
	if err == nil && m.freed.Load() {
		err = ErrFreed
	}
	if err == nil && (s.Lo < 0 || s.Hi < s.Lo || s.Hi > m.inner.Rows()) {
		err = argumentf("s", "rows [%d,%d) of %d", s.Lo, s.Hi, m.inner.Rows())
	}
	if err != nil {
		return nil, m.dev.fail("Slice", dims(), err)
	}
	inner, err := m.inner.Slice(s)
	if err != nil {
		return nil, m.dev.fail("Slice", dims(), err)
	}
	c := &checkedCSR{dev: m.dev, inner: inner}
	m.dev.track(c)
	return c, nil
}

func (m *checkedCSR) Free() error { return m.dev.free(m, "Free") }

func (m *checkedCSR) release() error {
	m.freed.Store(true)
	return m.inner.Free()
}

func (m *checkedCSR) describe() string {
	return fmt.Sprintf("CSR %d×%d", m.inner.Rows(), m.inner.Cols())
}

type checkedEvent struct {
	dev   *checkedDevice
	inner Event
	freed atomic.Bool
}

func (e *checkedEvent) Done() (bool, error) {
	if e.freed.Load() {
		return false, e.dev.fail("Done", "", ErrFreed)
	}
	if err := e.dev.ready(); err != nil {
		return false, e.dev.fail("Done", "", err)
	}
	done, err := e.inner.Done()
	if err != nil {
		return false, e.dev.fail("Done", "", err)
	}
	return done, nil
}

func (e *checkedEvent) Free() error { return e.dev.free(e, "Free") }

func (e *checkedEvent) release() error {
	e.freed.Store(true)
	return e.inner.Free()
}

func (e *checkedEvent) describe() string { return "event" }

// free gives a resource back once. A device that is lost has nothing to say
// about it: its memory went with it.
func (d *checkedDevice) free(r releaser, op string) error {
	if !d.untrack(r) {
		return d.fail(op, r.describe(), ErrFreed)
	}
	if err := r.release(); err != nil && !errors.Is(err, ErrDeviceLost) {
		return d.fail(op, r.describe(), err)
	}
	return nil
}
