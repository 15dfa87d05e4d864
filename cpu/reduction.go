package cpu

import "github.com/halfstep-ml/halfstep/cpu/internal/simd"

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
