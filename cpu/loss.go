package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// scoreLength is the number of ratings that Loss and Predict take at a time.
const scoreLength = 256

// loss has a task for each part of a giant row and each group of the others. A
// task has its two sums, which are added in the order of the tasks.
type loss struct {
	problem
	sums []float64 // two of each task
	work []lossScratch
}

// lossScratch are a participant's values for scoreLength ratings.
type lossScratch struct{ weight, value, score []float32 }

func (s *stream) Loss(out kernels.Buffer[float64], p *kernels.Problem) error {
	op := &s.loss
	op.problem = newProblem(p)
	defer func() { op.problem = problem{} }()

	count := op.r.schedule.count()
	var measure arena
	carve[float64](&measure, 2*count)
	if err := s.shared.reserve(&s.dev.ledger, measure.used); err != nil {
		return err
	}
	op.sums = carve[float64](&s.shared, 2*count)
	op.work = grown(op.work, s.dev.pool.threads)
	if err := s.run(op, count, 2*float64(op.r.Entries())*float64(op.unknowns+1)); err != nil {
		return err
	}
	var total [2]float64
	for i, sum := range op.sums {
		total[i%2] += sum
	}
	copy(slice(out), total[:])
	return nil
}

func (op *loss) layout(who int, a *arena) {
	op.work[who] = lossScratch{
		weight: carve[float32](a, scoreLength),
		value:  carve[float32](a, scoreLength),
		score:  carve[float32](a, scoreLength),
	}
}

func (op *loss) task(who, i int) {
	w := &op.work[who]
	var sums [2]float64
	for row, piece := range op.r.pieces(i) {
		for lo := piece.lo; lo < piece.hi; lo += scoreLength {
			hi := min(lo+scoreLength, piece.hi)
			errors, objective := op.block(w, row, op.r.ids(row, lo, hi), op.r.ratings(row, lo, hi))
			sums[0] += errors
			sums[1] += objective
		}
	}
	copy(op.sums[2*i:], sums[:])
}

// block returns the two sums over some ratings of a row.
func (op *loss) block(w *lossScratch, row int, ids []int32, ratings []float32) (errors, objective float64) {
	score := w.score[:len(ids)]
	x := op.x.row(row)
	simd.DotRows(score, x[:op.stored], op.y.data, op.y.stride, ids)
	if op.stored < op.unknowns {
		for i := range score {
			score[i] += x[op.stored]
		}
	}
	if len(op.offset) > 0 {
		for i, id := range ids {
			score[i] += op.offset[id]
		}
	}
	if !op.weighted() {
		errors = simd.SquaredErrors(ratings, score)
		return errors, errors
	}
	confidence, preference := w.weight[:len(ids)], w.value[:len(ids)]
	op.weigh(confidence, preference, ratings)
	for i, r := range ratings {
		confidence[i]++
		preference[i] = 0
		if r > 0 {
			preference[i] = 1
		}
	}
	return simd.SquaredErrors(preference, score), simd.WeightedErrors(confidence, preference, score)
}
