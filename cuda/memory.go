package cuda

import (
	"errors"
	"math/bits"
	"sync"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

// allocator gives memory to the streams of a device. What is freed is kept for the
// next allocation of its size, because the driver frees only once all work on the GPU
// is done.
type allocator struct {
	device *device
	total  int64 // bytes that the device may hold

	mu      sync.Mutex
	streams []*stream // all that are open
	reserve int64     // bytes held from the driver: in use and idle
	live    int64     // bytes asked for by Alloc and not freed
	scratch int64     // bytes of the streams and of sparse matrices

	// idle are the blocks that are not in use, by size, in the order they were freed.
	idle map[int][]*block
}

// block is a piece of device memory.
type block struct {
	ptr  driver.Ptr
	size int

	// uses, of an idle block, are the streams that may not be done with it.
	uses []use
}

// use is a point in the queue of a stream after which it does not use a block.
type use struct {
	stream *stream
	event  *driver.Event
}

// granule is what sizes are a multiple of: the alignment that the driver gives.
const granule = 256

// sizeClass rounds a size up to one of eight between two powers of 2, so that blocks
// are found again by sizes that are nearly the same, at a cost of an eighth at most.
func sizeClass(bytes int) int {
	step := granule
	if b := bits.Len(uint(bytes - 1)); b > 11 { // above 8 granules
		step = 1 << (b - 4)
	}
	return (bytes + step - 1) / step * step
}

// alloc returns a block of at least so many bytes, 1 or more, for s. Where there is no
// room, even without the idle blocks, the error is a *kernels.MemoryError.
func (a *allocator) alloc(s *stream, bytes int) (*block, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if int64(bytes) > a.total {
		return nil, a.refuse(bytes)
	}
	size := sizeClass(bytes)
	if b := a.takeIdle(s, size); b != nil {
		return b, nil
	}
	if a.reserve+int64(size) > a.total {
		if err := a.trim(); err != nil {
			return nil, err
		}
		if a.reserve+int64(size) > a.total {
			size = (bytes + granule - 1) / granule * granule
		}
		if a.reserve+int64(size) > a.total {
			size = bytes // to the last byte of the limit
		}
		if a.reserve+int64(size) > a.total {
			return nil, a.refuse(bytes)
		}
	}
	ptr, err := a.device.context.Alloc(size)
	if outOfMemory(err) {
		// Others use the GPU too, or the memory is in pieces.
		if err := a.trim(); err != nil {
			return nil, err
		}
		ptr, err = a.device.context.Alloc(size)
	}
	if outOfMemory(err) {
		return nil, a.refuse(bytes)
	}
	if err != nil {
		return nil, err
	}
	a.reserve += int64(size)
	return &block{ptr: ptr, size: size}, nil
}

func outOfMemory(err error) bool {
	var e *driver.Error
	return errors.As(err, &e) && e.OutOfMemory()
}

func (a *allocator) refuse(bytes int) error {
	return &kernels.MemoryError{Wanted: int64(bytes), Free: a.roomLocked()}
}

// room is how many bytes may be allocated, as far as is known.
func (a *allocator) room() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.roomLocked()
}

func (a *allocator) roomLocked() int64 {
	idle := int64(0)
	for size, blocks := range a.idle {
		idle += int64(size) * int64(len(blocks))
	}
	room := a.total - (a.reserve - idle)
	if free, _, err := a.device.context.MemInfo(); err == nil {
		room = min(room, free+idle)
	}
	return max(room, 0)
}

// takeIdle returns an idle block of the size that s may use at once, or nil. The one
// that was freed last is most likely still in a cache.
func (a *allocator) takeIdle(s *stream, size int) *block {
	blocks := a.idle[size]
	for i := len(blocks) - 1; i >= 0; i-- {
		b := blocks[i]
		if !a.readyFor(b, s) {
			continue
		}
		a.dropUses(b)
		a.idle[size] = append(blocks[:i], blocks[i+1:]...)
		return b
	}
	return nil
}

// readyFor reports whether all streams but s are known to be done with the block: what
// s enqueues comes after its own uses anyway.
func (a *allocator) readyFor(b *block, s *stream) bool {
	for _, u := range b.uses {
		if u.stream == s {
			continue
		}
		if done, err := u.event.Query(); !done || err != nil {
			return false
		}
	}
	return true
}

func (a *allocator) dropUses(b *block) {
	for _, u := range b.uses {
		a.device.events.give(u.event)
	}
	b.uses = nil
}

// free makes a block idle once every stream has done what is enqueued on it now.
func (a *allocator) free(b *block) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.streams {
		if !s.log.busy() {
			continue
		}
		event, err := s.mark()
		if err != nil {
			// The block cannot be used again. It goes with the context if that is
			// lost, and else once the stream is done.
			if err := s.raw.Sync(); err != nil {
				return err
			}
			continue
		}
		b.uses = append(b.uses, use{s, event})
	}
	a.idle[b.size] = append(a.idle[b.size], b)
	return nil
}

// trim gives all idle blocks back to the driver. One that it does not take is lost
// until the context goes, and stays in reserve.
func (a *allocator) trim() error {
	var errs []error
	for size, blocks := range a.idle {
		for _, b := range blocks {
			errs = append(errs, a.release(b))
		}
		delete(a.idle, size)
	}
	return errors.Join(errs...)
}

// release gives a block back to the driver.
func (a *allocator) release(b *block) error {
	var errs []error
	for _, u := range b.uses {
		errs = append(errs, await(u.event))
	}
	a.dropUses(b)
	if err := a.device.context.Free(b.ptr); err != nil {
		return errors.Join(append(errs, err)...)
	}
	a.reserve -= int64(b.size)
	return errors.Join(errs...)
}

func (a *allocator) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.trim()
}

func (a *allocator) held() (live, scratch int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.live, a.scratch
}

// count adds bytes to one of the sums of the allocator.
func (a *allocator) count(sum *int64, bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	*sum += int64(bytes)
}

// pending names what may be under way on the streams of the device, oldest first for
// each.
func (a *allocator) pending() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var ops []string
	for _, s := range a.streams {
		ops = append(ops, s.log.pending()...)
	}
	return ops
}

func (a *allocator) addStream(s *stream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.streams = append(a.streams, s)
}

// removeStream forgets a stream whose work is done.
func (a *allocator) removeStream(s *stream) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.streams {
		if a.streams[i] == s {
			a.streams = append(a.streams[:i], a.streams[i+1:]...)
			return
		}
	}
}

// memory is a kernels.Mem.
type memory struct {
	device *device
	block  *block // nil for no bytes
	bytes  int

	foreign bool // allocated by somebody else, who frees it
}

func (m *memory) Bytes() int { return m.bytes }

func (m *memory) Free() error {
	if m.foreign {
		return nil
	}
	a := &m.device.memory
	a.count(&a.live, -m.bytes)
	if m.block == nil {
		return nil
	}
	return m.device.fault(a.free(m.block))
}

// address is where a view begins in device memory, 0 for an empty one.
func address[E kernels.Element](b kernels.Buffer[E]) driver.Ptr {
	if b.N == 0 {
		return 0
	}
	return b.Mem.(*memory).block.ptr.Add(b.Off * elementBytes[E]())
}
