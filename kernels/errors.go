package kernels

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of errors. They are compared with errors.Is.
var (
	// ErrArgument: the call made no sense; nothing was done.
	ErrArgument = errors.New("kernels: wrong argument")

	// ErrMemory: the device has no room. The error is a *MemoryError.
	ErrMemory = errors.New("kernels: out of memory")

	// ErrDeviceLost: a fault took the device; every later call answers the same.
	ErrDeviceLost = errors.New("kernels: device lost")

	// ErrUnavailable: there is no such device here, for the reason given.
	ErrUnavailable = errors.New("kernels: unavailable")

	// ErrUnregistered: no backend of that name is part of the program.
	ErrUnregistered = errors.New("kernels: backend not registered")

	// ErrClosed: the device or stream was closed before.
	ErrClosed = errors.New("kernels: closed")

	// ErrFreed: the memory, matrix or event was freed before.
	ErrFreed = errors.New("kernels: freed")

	// ErrLeak: something was not freed. The error is a *LeakError.
	ErrLeak = errors.New("kernels: leak")
)

// OpError adds to an error where it happened.
type OpError struct {
	Backend string // "cpu"
	Op      string // "NormalEquations"
	Dims    string // the dimensions of the operands
	Err     error
}

func (e *OpError) Error() string {
	if e.Dims == "" {
		return fmt.Sprintf("%s: %s: %v", e.Backend, e.Op, e.Err)
	}
	return fmt.Sprintf("%s: %s %s: %v", e.Backend, e.Op, e.Dims, e.Err)
}

func (e *OpError) Unwrap() error { return e.Err }

// ArgumentError names the argument that is wrong. It is an ErrArgument.
type ArgumentError struct {
	Argument string
	Reason   string
}

func (e *ArgumentError) Error() string {
	return fmt.Sprintf("%v %s: %s", ErrArgument, e.Argument, e.Reason)
}

func (e *ArgumentError) Is(target error) bool { return target == ErrArgument }

func argumentf(argument, format string, args ...any) error {
	return &ArgumentError{Argument: argument, Reason: fmt.Sprintf(format, args...)}
}

// MemoryError says how much was wanted and how much there is. It is an
// ErrMemory.
type MemoryError struct {
	Wanted int64 // bytes
	Free   int64 // bytes
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("%v: %d bytes wanted, %d free", ErrMemory, e.Wanted, e.Free)
}

func (e *MemoryError) Is(target error) bool { return target == ErrMemory }

// LostError says what a device was doing when it was lost. It is an
// ErrDeviceLost.
type LostError struct {
	Cause error // what the device reported

	// Pending are the operations enqueued on the stream that met the fault since
	// it was last known to have finished its work, oldest first; or, where the
	// fault may come from any stream, those of all. One of them is at fault. Open
	// the device with Options.Synchronous to learn which.
	Pending []string
}

func (e *LostError) Error() string {
	s := ErrDeviceLost.Error()
	if len(e.Pending) > 0 {
		s += " during " + strings.Join(e.Pending, ", ")
	}
	// A cause that is the bare sentinel has nothing to add.
	if e.Cause != nil && e.Cause != ErrDeviceLost {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *LostError) Is(target error) bool { return target == ErrDeviceLost }

func (e *LostError) Unwrap() error { return e.Cause }

// LeakError lists what was not given back. It is an ErrLeak.
type LeakError struct {
	Leaks []Leak
}

// Leak is a resource that was not given back.
type Leak struct {
	What string // "1048576 bytes", "CSR 6040×3706", "stream"
	Site string // the function, file and line that asked for it
}

func (e *LeakError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v:", ErrLeak)
	for i, l := range e.Leaks {
		if i == maxLeaksNamed {
			fmt.Fprintf(&b, " and %d more", len(e.Leaks)-i)
			break
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %s from %s", l.What, l.Site)
	}
	return b.String()
}

// maxLeaksNamed keeps the message of a large leak readable; LeakError.Leaks has
// them all.
const maxLeaksNamed = 8

func (e *LeakError) Is(target error) bool { return target == ErrLeak }
