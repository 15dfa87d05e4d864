package kernels

import (
	"errors"
	"fmt"
	"sync/atomic"
)

// checkedStream checks and forwards. The methods of LinearAlgebra and
// Factorization are in files of their own.
type checkedStream struct {
	dev    *checkedDevice
	inner  Stream
	closed atomic.Bool

	// pending names what was enqueued since the queue was last seen empty. It is
	// a ring: the newest len(pending) operations are kept.
	pending  [32]string
	enqueued int

	// problem is the copy of an argument with the wrapped device's own memory in
	// it. It is here so that a call allocates nothing.
	problem Problem
}

func (s *checkedStream) Alloc(bytes int) (Mem, error) {
	dims := func() string { return fmt.Sprintf("%d bytes", bytes) }
	k := s.check()
	if bytes < 0 {
		k.failf("bytes", "%d", bytes)
	}
	if k.err != nil {
		return nil, s.fail("Alloc", k.err, dims)
	}
	inner, err := s.inner.Alloc(bytes)
	if err != nil {
		return nil, s.fail("Alloc", err, dims)
	}
	m := &checkedMem{dev: s.dev, inner: inner, bytes: bytes}
	s.dev.track(m)
	return m, nil
}

func (s *checkedStream) Write(dst Mem, off int, src []byte) error {
	dims := func() string { return fmt.Sprintf("%d bytes at %d", len(src), off) }
	k := s.check()
	to := k.bytes("dst", dst, off, len(src))
	if k.err != nil || len(src) == 0 {
		return s.fail("Write", k.err, dims)
	}
	return s.finish("Write", s.inner.Write(to, off, src), dims)
}

func (s *checkedStream) Read(dst []byte, src Mem, off int) error {
	dims := func() string { return fmt.Sprintf("%d bytes at %d", len(dst), off) }
	k := s.check()
	from := k.bytes("src", src, off, len(dst))
	if k.err != nil || len(dst) == 0 {
		return s.fail("Read", k.err, dims)
	}
	err := s.finish("Read", s.inner.Read(dst, from, off), dims)
	if err == nil {
		s.enqueued = 0
	}
	return err
}

func (s *checkedStream) Copy(dst Mem, dstOff int, src Mem, srcOff, n int) error {
	dims := func() string { return fmt.Sprintf("%d bytes from %d to %d", n, srcOff, dstOff) }
	k := s.check()
	to := k.bytes("dst", dst, dstOff, n)
	from := k.bytes("src", src, srcOff, n)
	if k.err == nil && dst == src && dstOff < srcOff+n && srcOff < dstOff+n {
		k.failf("dst", "overlaps src")
	}
	if k.err != nil || n == 0 {
		return s.fail("Copy", k.err, dims)
	}
	return s.finish("Copy", s.inner.Copy(to, dstOff, from, srcOff, n), dims)
}

func (s *checkedStream) Zero(dst Mem, off, n int) error {
	dims := func() string { return fmt.Sprintf("%d bytes at %d", n, off) }
	k := s.check()
	to := k.bytes("dst", dst, off, n)
	if k.err != nil || n == 0 {
		return s.fail("Zero", k.err, dims)
	}
	return s.finish("Zero", s.inner.Zero(to, off, n), dims)
}

func (s *checkedStream) Record() (Event, error) {
	if k := s.check(); k.err != nil {
		return nil, s.fail("Record", k.err, nil)
	}
	inner, err := s.inner.Record()
	if err != nil {
		return nil, s.fail("Record", err, nil)
	}
	e := &checkedEvent{dev: s.dev, inner: inner}
	s.dev.track(e)
	return e, nil
}

func (s *checkedStream) Wait(e Event) error {
	k := s.check()
	own, ok := e.(*checkedEvent)
	switch {
	case k.err != nil:
	case !ok || own.dev != s.dev:
		k.failf("e", "an event of another device")
	case own.freed.Load():
		k.err = fmt.Errorf("e: %w", ErrFreed)
	}
	if k.err != nil {
		return s.fail("Wait", k.err, nil)
	}
	return s.finish("Wait", s.inner.Wait(own.inner), nil)
}

func (s *checkedStream) Sync() error {
	if k := s.check(); k.err != nil {
		return s.fail("Sync", k.err, nil)
	}
	if err := s.inner.Sync(); err != nil {
		return s.fail("Sync", err, nil)
	}
	s.enqueued = 0
	return nil
}

func (s *checkedStream) Close() error {
	if !s.dev.untrack(s) {
		return s.fail("Close", ErrClosed, nil)
	}
	if err := s.release(); err != nil && !errors.Is(err, ErrDeviceLost) {
		return s.fail("Close", err, nil)
	}
	return nil
}

func (s *checkedStream) release() error {
	s.closed.Store(true)
	return s.inner.Close()
}

func (s *checkedStream) describe() string { return "stream" }

// check begins the checks of a call.
func (s *checkedStream) check() checker {
	k := checker{dev: s.dev}
	if k.err = s.dev.ready(); k.err == nil && s.closed.Load() {
		k.err = ErrClosed
	}
	return k
}

// finish notes that an operation was enqueued and reports its error.
func (s *checkedStream) finish(op string, err error, dims func() string) error {
	s.pending[s.enqueued%len(s.pending)] = op
	s.enqueued++
	return s.fail(op, err, dims)
}

// fail says where an error happened, if there is one.
func (s *checkedStream) fail(op string, err error, dims func() string) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrDeviceLost) {
		err = s.dev.lose(err, s.pendingOps())
	}
	d := ""
	if dims != nil {
		d = dims()
	}
	return s.dev.fail(op, d, err)
}

func (s *checkedStream) pendingOps() []string {
	n := min(s.enqueued, len(s.pending))
	ops := make([]string, 0, n)
	for i := s.enqueued - n; i < s.enqueued; i++ {
		ops = append(ops, s.pending[i%len(s.pending)])
	}
	return ops
}
