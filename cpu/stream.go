package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// stream runs every call at once. Each operation that is cut into tasks has its
// state in a field, so that a call allocates nothing; the fields are cleared when
// the call ends, so that freed memory can go.
type stream struct {
	dev    *device
	job    job
	areas  []arena // one for each participant
	shared arena   // what belongs to a call as a whole

	// measure is an empty arena, here because one of prepare would be allocated.
	measure arena

	elementwise elementwise
	gather      gather
	gemm        gemm
	gram        gram
	spmm        spmm
	columnSums  columnSums
	halfStep    halfStep
	solve       solve
	loss        loss
	predict     predict
	topK        topK
	reduction   reduction
}

func newStream(d *device) *stream {
	return &stream{dev: d, areas: make([]arena, d.pool.threads)}
}

// Alloc returns memory of the Go heap.
func (s *stream) Alloc(bytes int) (kernels.Mem, error) {
	l := &s.dev.ledger
	if err := l.take(&l.live, bytes); err != nil {
		return nil, err
	}
	return &memory{ledger: l, data: alignedBytes(bytes)}, nil
}

func (s *stream) Write(dst kernels.Mem, off int, src []byte) error {
	copy(dst.(*memory).data[off:], src)
	return nil
}

func (s *stream) Read(dst []byte, src kernels.Mem, off int) error {
	copy(dst, src.(*memory).data[off:])
	return nil
}

func (s *stream) Copy(dst kernels.Mem, dstOff int, src kernels.Mem, srcOff, n int) error {
	copy(dst.(*memory).data[dstOff:dstOff+n], src.(*memory).data[srcOff:srcOff+n])
	return nil
}

func (s *stream) Zero(dst kernels.Mem, off, n int) error {
	clear(dst.(*memory).data[off : off+n])
	return nil
}

func (s *stream) Record() (kernels.Event, error) { return event{}, nil }

func (s *stream) Wait(kernels.Event) error { return nil }

func (s *stream) Sync() error { return nil }

func (s *stream) Close() error {
	l := &s.dev.ledger
	for i := range s.areas {
		s.areas[i].release(l)
	}
	s.shared.release(l)
	return nil
}

// event has come to pass when it is recorded.
type event struct{}

func (event) Done() (bool, error) { return true, nil }

func (event) Free() error { return nil }

// scratchUser is an operation that needs scratch memory.
type scratchUser interface {
	// layout carves the scratch of participant who from an arena. It is also
	// called with an empty arena, to measure.
	layout(who int, a *arena)
}

// body is an operation that is cut into tasks.
type body interface {
	tasks
	scratchUser
}

// grown returns s with room for n elements.
func grown[T any](s []T, n int) []T {
	if len(s) < n {
		s = append(s, make([]T, n-len(s))...)
	}
	return s
}

// serialCost is the number of arithmetic operations below which waking a helper
// costs more than it saves: some ten microseconds of work.
const serialCost = 1 << 15

// participants is how many workers a call with so many tasks and arithmetic
// operations is worth.
func (s *stream) participants(count int, cost float64) int {
	if cost < serialCost {
		return 1
	}
	return max(min(s.dev.pool.threads, count), 1)
}

// prepare lays out the scratch of an operation for so many participants.
func (s *stream) prepare(b scratchUser, participants int) error {
	for who := range participants {
		s.measure = arena{}
		b.layout(who, &s.measure)
		area := &s.areas[who]
		if err := area.reserve(&s.dev.ledger, s.measure.used); err != nil {
			return err
		}
		b.layout(who, area)
	}
	return nil
}

// run cuts a body into count tasks that cost so many arithmetic operations in all.
func (s *stream) run(b body, count int, cost float64) error {
	limit := s.participants(count, cost)
	if err := s.prepare(b, limit); err != nil {
		return err
	}
	s.dev.pool.run(&s.job, b, count, limit)
	return nil
}

// noScratch is embedded by bodies that need no scratch memory.
type noScratch struct{}

func (noScratch) layout(int, *arena) {}

// summands is what a sum of vectors is made of.
type summands interface {
	// summand writes summand i to dst as participant who.
	summand(who, i int, dst []float32)
}

// reduction adds up summands that are computed at the same time, in the order of
// their numbers. It goes in waves, so that the memory does not grow with the
// number of summands.
type reduction struct {
	source summands
	size   int         // elements of a summand
	first  int         // the summand of the wave's first task
	parts  [][]float32 // a buffer for each task of a wave
}

// summandsPerWorker is how many summands of a wave each worker gets: enough that one
// that is slow does not hold up the others for long.
const summandsPerWorker = 4

// width is the number of summands in a wave of so many participants.
func (r *reduction) width(count, participants int) int {
	return min(count, participants*summandsPerWorker)
}

// layout carves the buffers of a wave.
func (r *reduction) layout(a *arena, width, size int) {
	r.parts = grown(r.parts, width)[:width]
	for i := range r.parts {
		r.parts[i] = carve[float32](a, size)
	}
}

func (r *reduction) task(who, i int) { r.source.summand(who, r.first+i, r.parts[i][:r.size]) }

// prepareSum makes room in the shared arena for sums of at most count summands of
// at most size elements.
func (s *stream) prepareSum(count, participants, size int) error {
	r := &s.reduction
	width := r.width(count, participants)
	var measure arena
	r.layout(&measure, width, size)
	if err := s.shared.reserve(&s.dev.ledger, measure.used); err != nil {
		return err
	}
	r.layout(&s.shared, width, size)
	return nil
}

// reduce writes the sum of summands 0 to count-1 to sum, which is no longer than
// prepareSum was told. Participant 0 is the caller.
func (s *stream) reduce(source summands, count, participants int, sum []float32) {
	r := &s.reduction
	r.source = source
	r.size = len(sum)
	for r.first = 0; r.first < count; r.first += len(r.parts) {
		wave := min(len(r.parts), count-r.first)
		s.dev.pool.run(&s.job, r, wave, participants)
		for i := range wave {
			if r.first+i == 0 {
				copy(sum, r.parts[i])
			} else {
				simd.Add(r.parts[i][:len(sum)], sum)
			}
		}
	}
	r.source = nil
}
