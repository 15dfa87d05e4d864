package cuda

import (
	"errors"
	"unsafe"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

// stream is a queue of the driver. The methods of LinearAlgebra and Factorization are
// in files of their own.
type stream struct {
	dev *device
	raw *driver.Stream
	log queueLog

	arena     *block      // scratch memory of the call at hand, nil before the first
	ring      *staging    // nil before the first transfer
	uploads   *uploadRing // nil before the first matrix that does not fit the device
	blas      *handle     // nil where there is no cuBLAS
	arguments []uint64    // of a launch, here so that it allocates nothing
}

func (d *device) newStream() (*stream, error) {
	raw, err := d.context.NewStream()
	if err != nil {
		return nil, d.fault(err)
	}
	s := &stream{dev: d, raw: raw, arguments: make([]uint64, 0, driver.MaxArguments)}
	if d.blas.present {
		s.blas = &handle{}
	}
	d.memory.addStream(s)
	return s, nil
}

// fault says what an error of the driver means for the device.
func (s *stream) fault(err error) error { return s.dev.fault(err) }

// enqueued notes that a call has put work into the queue, or why it has not.
func (s *stream) enqueued(op string, err error) error {
	s.log.add(op)
	if err == nil && s.dev.synchronous {
		err = s.wait()
	}
	return s.fault(err)
}

// mark returns an event at the present end of the queue.
func (s *stream) mark() (*driver.Event, error) {
	event, err := s.dev.events.take()
	if err != nil {
		return nil, err
	}
	if err := s.raw.Record(event); err != nil {
		s.dev.events.give(event)
		return nil, err
	}
	return event, nil
}

// wait returns when the queue is empty.
func (s *stream) wait() error {
	end := s.log.end()
	event, err := s.mark()
	if err != nil {
		return err
	}
	defer s.dev.events.give(event)
	if err := await(event); err != nil {
		return err
	}
	s.log.finished(end)
	return nil
}

// scratch returns at least so many bytes for the call at hand, of unspecified
// content. A second call returns the same memory or, if it asks for more, other.
func (s *stream) scratch(bytes int) (driver.Ptr, error) {
	if bytes == 0 {
		return 0, nil
	}
	if s.arena != nil && s.arena.size >= bytes {
		return s.arena.ptr, nil
	}
	if err := s.freeScratch(); err != nil {
		return 0, s.fault(err)
	}
	b, err := s.dev.memory.alloc(s, bytes)
	if err != nil {
		return 0, s.fault(err)
	}
	s.arena = b
	s.dev.memory.count(&s.dev.memory.scratch, b.size)
	return b.ptr, nil
}

func (s *stream) freeScratch() error {
	b := s.arena
	if b == nil {
		return nil
	}
	s.arena = nil
	s.dev.memory.count(&s.dev.memory.scratch, -b.size)
	return s.dev.memory.free(b)
}

// Alloc returns memory that was never used or is free for this stream.
func (s *stream) Alloc(bytes int) (kernels.Mem, error) {
	m := &memory{device: s.dev, bytes: bytes}
	if bytes > 0 {
		var err error
		if m.block, err = s.dev.memory.alloc(s, bytes); err != nil {
			return nil, s.fault(err)
		}
	}
	s.dev.memory.count(&s.dev.memory.live, bytes)
	return m, nil
}

// staged returns the stream's ring of pinned memory.
func (s *stream) staged() (*staging, error) {
	if s.ring == nil {
		ring, err := s.dev.staging.take()
		if err != nil {
			return nil, err
		}
		s.ring = ring
	}
	return s.ring, nil
}

func (s *stream) Write(dst kernels.Mem, off int, src []byte) error {
	return s.write(dst.(*memory).block.ptr.Add(off), src)
}

func (s *stream) write(dst driver.Ptr, src []byte) error {
	ring, err := s.staged()
	if err != nil {
		return s.fault(err)
	}
	return s.enqueued("Write", ring.write(s.raw, dst, src))
}

func (s *stream) Read(dst []byte, src kernels.Mem, off int) error {
	ring, err := s.staged()
	if err != nil {
		return s.fault(err)
	}
	s.log.add("Read")
	if err := ring.read(s.raw, dst, src.(*memory).block.ptr.Add(off)); err != nil {
		return s.fault(err)
	}
	s.log.finished(s.log.end())
	return nil
}

func (s *stream) Copy(dst kernels.Mem, dstOff int, src kernels.Mem, srcOff, n int) error {
	to, from := dst.(*memory).block.ptr.Add(dstOff), src.(*memory).block.ptr.Add(srcOff)
	return s.enqueued("Copy", s.raw.CopyOnDevice(to, from, n))
}

func (s *stream) Zero(dst kernels.Mem, off, n int) error {
	return s.enqueued("Zero", s.raw.Memset8(dst.(*memory).block.ptr.Add(off), 0, n))
}

func (s *stream) Record() (kernels.Event, error) { return s.record() }

func (s *stream) Wait(e kernels.Event) error {
	return s.enqueued("Wait", s.raw.Wait(e.(*event).raw))
}

func (s *stream) Sync() error { return s.fault(s.wait()) }

// Close gives everything back even where the work or a part of it fails.
func (s *stream) Close() error {
	d := s.dev
	if d.lost.Load() != nil {
		return d.lost.Load()
	}
	errs := []error{s.wait()}
	d.memory.removeStream(s)
	errs = append(errs, s.freeScratch(), s.closeUploads())
	if s.blas != nil {
		errs = append(errs, s.blas.close(d))
	}
	if s.ring != nil {
		d.staging.give(s.ring)
		s.ring = nil
	}
	errs = append(errs, s.raw.Destroy())
	return s.fault(errors.Join(errs...))
}

func elementBytes[E kernels.Element]() int { return int(unsafe.Sizeof(*new(E))) }
