package cpu

import (
	"errors"

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
	packed arena   // the fixed side of a half-step

	// measure is an empty arena, here because one of prepare would be allocated.
	measure arena

	elementwise elementwise
	rowNorms    rowNorms
	gather      gather
	gemm        gemm
	pieceGemm   pieceGemm
	gram        gram
	spmm        spmm
	columnSums  columnSums
	halfStep    halfStep
	packing     packing
	solve       solve
	loss        loss
	predict     predict
	topK        topK
	reduction   reduction
}

func newStream(d *device) *stream {
	return &stream{dev: d, areas: make([]arena, d.pool.threads)}
}

// Alloc returns memory of the Go heap or, where it is large, of the system.
func (s *stream) Alloc(bytes int) (kernels.Mem, error) {
	l := &s.dev.ledger
	if err := l.take(&l.live, bytes); err != nil {
		return nil, err
	}
	b, err := newBlock(bytes)
	if err != nil {
		l.give(&l.live, bytes)
		return nil, err
	}
	return &memory{b, l}, nil
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
	errs := []error{s.shared.close(l), s.packed.close(l)}
	for i := range s.areas {
		errs = append(errs, s.areas[i].close(l))
	}
	return errors.Join(errs...)
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
