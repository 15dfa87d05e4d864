//go:build linux && cgo

package driver

/*
#include "abi.h"
#cgo noescape halfstep_launch
#cgo nocallback halfstep_launch
#cgo nocallback halfstep_event_query
#cgo nocallback halfstep_event_record
#cgo nocallback halfstep_stream_query
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Stream is a queue of work on a GPU. Sizes and counts may not be 0.
type Stream struct {
	context *Context
	handle  unsafe.Pointer
}

// NewStream makes a queue that is in no order with any other.
func (c *Context) NewStream() (*Stream, error) {
	s := &Stream{context: c}
	if err := c.check("cuStreamCreate", C.halfstep_stream_create(c.scope(), &s.handle)); err != nil {
		return nil, err
	}
	return s, nil
}

// Destroy lets the queue go once its work is done. It does not wait.
func (s *Stream) Destroy() error {
	return s.context.check("cuStreamDestroy", C.halfstep_stream_destroy(s.context.scope(), s.handle))
}

// CopyToDevice copies n bytes of pinned host memory, which may not change before the
// copy is done.
func (s *Stream) CopyToDevice(to Ptr, from unsafe.Pointer, n int) error {
	return s.context.check("cuMemcpyHtoDAsync", C.halfstep_copy_to_device(s.context.scope(), s.handle, C.device_ptr(to), from, C.size_t(n)))
}

// CopyToHost copies n bytes to pinned host memory.
func (s *Stream) CopyToHost(to unsafe.Pointer, from Ptr, n int) error {
	return s.context.check("cuMemcpyDtoHAsync", C.halfstep_copy_to_host(s.context.scope(), s.handle, to, C.device_ptr(from), C.size_t(n)))
}

// CopyOnDevice copies n bytes.
func (s *Stream) CopyOnDevice(to, from Ptr, n int) error {
	return s.context.check("cuMemcpyDtoDAsync", C.halfstep_copy_on_device(s.context.scope(), s.handle, C.device_ptr(to), C.device_ptr(from), C.size_t(n)))
}

// Memset8 sets count bytes.
func (s *Stream) Memset8(p Ptr, value uint8, count int) error {
	return s.context.check("cuMemsetD8Async", C.halfstep_memset8(s.context.scope(), s.handle, C.device_ptr(p), C.uchar(value), C.size_t(count)))
}

// Memset32 sets count words of 4 bytes, at a multiple of 4.
func (s *Stream) Memset32(p Ptr, value uint32, count int) error {
	return s.context.check("cuMemsetD32Async", C.halfstep_memset32(s.context.scope(), s.handle, C.device_ptr(p), C.uint(value), C.size_t(count)))
}

// Launch starts a kernel on a grid of blocks with so many bytes of dynamic shared
// memory. args has a slot for each parameter, at most MaxArguments: a pointer or an
// integer of 64 bits as it is, an integer or a float32 of 32 bits in the low half.
func (s *Stream) Launch(f *Function, grid, block [3]uint32, shared uint32, args []uint64) error {
	if len(args) > MaxArguments {
		return fmt.Errorf("driver: %d arguments for a kernel, at most %d", len(args), MaxArguments)
	}
	return s.context.check("cuLaunchKernel", C.halfstep_launch(s.context.scope(), s.handle, f.handle,
		(*C.uint32_t)(&grid[0]), (*C.uint32_t)(&block[0]), C.uint(shared), (*C.uint64_t)(unsafe.SliceData(args)), C.int(len(args))))
}

// Record makes the event stand for the present end of the queue.
func (s *Stream) Record(e *Event) error {
	return s.context.check("cuEventRecord", C.halfstep_event_record(s.context.scope(), e.handle, s.handle))
}

// Wait holds back what comes after until the event, as it was recorded last, has
// come to pass.
func (s *Stream) Wait(e *Event) error {
	return s.context.check("cuStreamWaitEvent", C.halfstep_stream_wait(s.context.scope(), s.handle, e.handle))
}

// Sync waits until the queue is empty.
func (s *Stream) Sync() error {
	return s.context.check("cuStreamSynchronize", C.halfstep_stream_sync(s.context.scope(), s.handle))
}

// Query reports whether the queue is empty.
func (s *Stream) Query() (bool, error) {
	return s.context.ready("cuStreamQuery", C.halfstep_stream_query(s.context.scope(), s.handle))
}

// Event is a point in the queue of a stream.
type Event struct {
	context *Context
	handle  unsafe.Pointer
}

// NewEvent makes an event without timing, on which a thread waits without using a
// processor.
func (c *Context) NewEvent() (*Event, error) {
	e := &Event{context: c}
	if err := c.check("cuEventCreate", C.halfstep_event_create(c.scope(), &e.handle)); err != nil {
		return nil, err
	}
	return e, nil
}

// Query reports whether the event, as it was recorded last, has come to pass.
func (e *Event) Query() (bool, error) {
	return e.context.ready("cuEventQuery", C.halfstep_event_query(e.context.scope(), e.handle))
}

// Sync waits until the event has come to pass.
func (e *Event) Sync() error {
	return e.context.check("cuEventSynchronize", C.halfstep_event_sync(e.context.scope(), e.handle))
}

// Destroy gives the event back.
func (e *Event) Destroy() error {
	return e.context.check("cuEventDestroy", C.halfstep_event_destroy(e.context.scope(), e.handle))
}

// ready makes an answer of the result of a query.
func (c *Context) ready(op string, result C.int) (bool, error) {
	if result == codeNotReady {
		return false, nil
	}
	return result == 0, c.check(op, result)
}
