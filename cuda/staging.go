package cuda

import (
	"errors"
	"sync"
	"unsafe"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
)

// The GPU copies from and to pinned memory only, which memory of Go is not. A stream
// has a ring of pinned chunks: while the GPU copies one, the host fills or empties
// the next.
const (
	chunkBytes = 512 << 10 // some 20 µs of PCIe, a multiple of what enqueuing a copy takes
	ringChunks = 4
)

// staging is the ring of one stream.
type staging struct {
	chunks [ringChunks]chunk
	next   int
}

type chunk struct {
	memory []byte // pinned
	event  *driver.Event
	busy   bool   // a copy was enqueued and event stands for its end
	dst    []byte // where the content goes when a copy to the host is done
}

// take returns the next chunk of the ring once it is free.
func (r *staging) take() (*chunk, error) {
	c := &r.chunks[r.next]
	r.next = (r.next + 1) % ringChunks
	return c, c.finish()
}

// finish waits for the copy of the chunk.
func (c *chunk) finish() error {
	if !c.busy {
		return nil
	}
	if err := await(c.event); err != nil {
		return err
	}
	c.busy = false
	copy(c.dst, c.memory)
	c.dst = nil
	return nil
}

// write copies src to the device.
func (r *staging) write(s *driver.Stream, dst driver.Ptr, src []byte) error {
	for len(src) > 0 {
		c, err := r.take()
		if err != nil {
			return err
		}
		n := copy(c.memory, src)
		if err := s.CopyToDevice(dst, unsafe.Pointer(&c.memory[0]), n); err != nil {
			return err
		}
		if err := c.enqueued(s); err != nil {
			return err
		}
		src, dst = src[n:], dst.Add(n)
	}
	return nil
}

// read fills dst from the device.
func (r *staging) read(s *driver.Stream, dst []byte, src driver.Ptr) error {
	err := r.enqueueReads(s, dst, src)
	for i := range r.chunks {
		c := &r.chunks[(r.next+i)%ringChunks]
		if err == nil {
			err = c.finish()
		}
		c.dst = nil // dst is the caller's again, whatever happened
	}
	return err
}

func (r *staging) enqueueReads(s *driver.Stream, dst []byte, src driver.Ptr) error {
	for len(dst) > 0 {
		c, err := r.take()
		if err != nil {
			return err
		}
		n := min(len(dst), chunkBytes)
		if err := s.CopyToHost(unsafe.Pointer(&c.memory[0]), src, n); err != nil {
			return err
		}
		if err := c.enqueued(s); err != nil {
			return err
		}
		c.dst = dst[:n]
		dst, src = dst[n:], src.Add(n)
	}
	return nil
}

// enqueued notes that a copy of the chunk is under way.
func (c *chunk) enqueued(s *driver.Stream) error {
	if err := s.Record(c.event); err != nil {
		// Nothing tells when the copy is over but the end of all work.
		return errors.Join(err, s.Sync())
	}
	c.busy = true
	return nil
}

// stagingPool keeps the rings of closed streams for the next: pinning takes long.
type stagingPool struct {
	context *driver.Context

	mu   sync.Mutex
	idle []*staging
}

func (p *stagingPool) take() (*staging, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		r := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return r, nil
	}
	p.mu.Unlock()
	r := &staging{}
	for i := range r.chunks {
		if err := r.chunks[i].make(p.context); err != nil {
			return nil, errors.Join(err, r.release(p.context))
		}
	}
	return r, nil
}

// give takes the ring of a stream whose work is done.
func (p *stagingPool) give(r *staging) {
	for i := range r.chunks {
		r.chunks[i].busy, r.chunks[i].dst = false, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, r)
}

func (p *stagingPool) close() error {
	var errs []error
	for _, r := range p.idle {
		errs = append(errs, r.release(p.context))
	}
	return errors.Join(errs...)
}

func (c *chunk) make(context *driver.Context) error {
	p, err := context.AllocHost(chunkBytes)
	if err != nil {
		return err
	}
	c.memory = unsafe.Slice((*byte)(p), chunkBytes)
	c.event, err = context.NewEvent()
	return err
}

func (r *staging) release(context *driver.Context) error {
	var errs []error
	for i := range r.chunks {
		c := &r.chunks[i]
		if c.memory != nil {
			errs = append(errs, context.FreeHost(unsafe.Pointer(&c.memory[0])))
		}
		if c.event != nil {
			errs = append(errs, c.event.Destroy())
		}
	}
	return errors.Join(errs...)
}
