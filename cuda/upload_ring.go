package cuda

import (
	"errors"
	"sort"

	"github.com/halfstep-ml/halfstep/cuda/internal/driver"
	"github.com/halfstep-ml/halfstep/kernels"
)

// uploadRing brings a sparse matrix that does not fit the device there in chunks of
// rows, for one stream. Chunks are copied on a queue of their own into the buffers of
// the ring in turn, while the stream works on those before; events hold a copy back
// until the buffer was read, and the work until its chunk is there. The host waits for
// neither: it goes on as far as the pinned memory of the queue reaches, which is
// ringChunks times chunkBytes as of every stream.
//
// A ring is kept until its stream is closed, or needs one of another size.
type uploadRing struct {
	work   ringWork // what it was made for
	copies *stream

	bytes   int // of a buffer
	buffers []*ringBuffer
	next    int
}

type ringBuffer struct {
	memory *block
	read   *driver.Event // on the stream, after the last work on the buffer; nil if none is under way
}

// overChunks has a problem solved as it is if its ratings are on the device or fit, and
// else chunk by chunk. A row's result does not depend on its chunk.
func (s *stream) overChunks(p *kernels.Problem, solve func(*kernels.Problem) error) error {
	m := p.R.(*csr)
	whole, err := m.whole()
	if err != nil {
		return err
	}
	if whole {
		return solve(p)
	}
	ring, err := s.ringFor(p)
	if err != nil {
		return err
	}
	for lo := 0; lo < m.Rows(); {
		hi := m.chunkEnd(lo, ring.bytes, s.dev.halfStepCut(p))
		if err := s.solveChunk(ring, p, kernels.Span{Lo: lo, Hi: hi}, solve); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

// solveChunk enqueues the upload of some rows and what solves them.
func (s *stream) solveChunk(ring *uploadRing, p *kernels.Problem, rows kernels.Span, solve func(*kernels.Problem) error) error {
	part := p.R.(*csr).rows(rows)
	b, err := ring.bring(part, s.dev.halfStepCut(p), s)
	if err != nil {
		return err
	}
	chunk := *p
	chunk.X, chunk.R, chunk.Info = p.X.RowRange(rows.Lo, rows.Hi), part, p.Info.Slice(rows.Lo, rows.Hi)
	return errors.Join(solve(&chunk), b.usedBy(s), part.Free())
}

// bring enqueues the upload of a matrix to the next buffer, with a plan for rows that
// are cut in some way, for work that a stream is given after it.
func (r *uploadRing) bring(m *csr, c cut, s *stream) (*ringBuffer, error) {
	b := r.buffers[r.next]
	r.next = (r.next + 1) % len(r.buffers)
	if b.read != nil {
		if err := r.copies.enqueued("Wait", r.copies.raw.Wait(b.read)); err != nil {
			return nil, err
		}
		s.dev.events.give(b.read)
		b.read = nil
	}
	u := upload{}
	m.addEntries(&u)
	m.addPlan(c, s.dev.newPlan(&u, m.host.Offsets, c))
	if err := u.writeTo(r.copies, b.memory.ptr); err != nil {
		return nil, err
	}
	m.memory = &shared{memory: b.memory, users: 2} // the ring is one
	copied, err := r.copies.mark()
	if err != nil {
		return nil, s.fault(err)
	}
	defer s.dev.events.give(copied)
	return b, s.enqueued("Wait", s.raw.Wait(copied))
}

// usedBy notes that the work on the buffer is enqueued.
func (b *ringBuffer) usedBy(s *stream) error {
	read, err := s.mark()
	if err != nil {
		// Nothing tells when the work is over but the end of all work.
		return s.fault(errors.Join(err, s.raw.Sync()))
	}
	b.read = read
	return nil
}

// chunkEnd is the end of the rows from number lo on that fit a buffer, at least one.
func (m *csr) chunkEnd(lo, bytes int, c cut) int {
	n := sort.Search(m.Rows()-lo, func(i int) bool { return m.chunkBytes(lo, lo+i+1, c) > bytes })
	return lo + max(n, 1)
}

// chunkBytes is the most that rows lo to hi take on the device with their plan: of each
// row its offset and number, of each entry its column and value. Each of the seven lists
// ends at a granule. A giant, of more than c.whole entries, takes 8 bytes more and 16 for
// each of its parts, which are one for each c.length of its entries and one more.
func (m *csr) chunkBytes(lo, hi int, c cut) int {
	entries := int(m.host.Offsets[hi] - m.host.Offsets[lo])
	perEntry := 4
	if m.HasValues() {
		perEntry = 8
	}
	giants := hi - lo
	if c.whole >= 0 {
		giants = min(giants, entries/(c.whole+1))
	}
	return 12*(hi-lo) + 16 + perEntry*entries + 24*giants + 16*(entries/c.length) + 7*granule
}

// longestRow is the most that one row takes.
func (m *csr) longestRow(c cut) int {
	longest := 0
	for i := range m.Rows() {
		longest = max(longest, m.chunkBytes(i, i+1, c))
	}
	return longest
}

// ringFor returns the stream's ring for the ratings of a problem. It makes one if there
// is none, none for work like this, or none that every row fits. Where there is no room
// the error is a *kernels.MemoryError.
func (s *stream) ringFor(p *kernels.Problem) (*uploadRing, error) {
	m := p.R.(*csr)
	work := s.dev.ringWork(p)
	longest := m.longestRow(s.dev.halfStepCut(p))
	if r := s.uploads; r != nil {
		if r.work.total == work.total && r.work.rank == work.rank && r.bytes >= longest {
			return r, nil
		}
		if err := s.closeUploads(); err != nil {
			return nil, s.fault(err)
		}
	}
	size := work.size(int64(longest), s.dev.memory.room())
	copies, err := s.dev.newStream()
	if err != nil {
		return nil, err
	}
	r := &uploadRing{work: work, copies: copies, bytes: int(size.bytes)}
	s.uploads = r
	for range size.buffers {
		b, err := s.dev.memory.alloc(copies, r.bytes)
		if err != nil {
			return nil, s.fault(errors.Join(err, s.closeUploads()))
		}
		s.dev.memory.count(&s.dev.memory.scratch, b.size)
		r.buffers = append(r.buffers, &ringBuffer{memory: b})
	}
	return r, nil
}

// closeUploads gives the ring back, which may be at work.
func (s *stream) closeUploads() error {
	r := s.uploads
	if r == nil {
		return nil
	}
	s.uploads = nil
	d := s.dev
	errs := []error{r.copies.Close()}
	for _, b := range r.buffers {
		d.memory.count(&d.memory.scratch, -b.memory.size)
		errs = append(errs, d.memory.free(b.memory))
		if b.read != nil {
			d.events.give(b.read)
		}
	}
	return errors.Join(errs...)
}
