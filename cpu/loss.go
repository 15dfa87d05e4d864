package cpu

import (
	"github.com/halfstep-ml/halfstep/cpu/internal/simd"
	"github.com/halfstep-ml/halfstep/kernels"
)

// lossLength is the number of ratings that Loss takes at a time: their scores fit the
// first-level cache beside the rows of Y.
const lossLength = 2048

// loss has a task for each part of a giant row and each group of the others. A
// task has its two sums, which are added in the order of the tasks.
type loss struct {
	problem
	sums   []float64   // two of each task
	scores [][]float32 // of each participant
}

func (s *stream) Loss(out kernels.Buffer[float64], p *kernels.Problem) error {
	op := &s.loss
	op.problem = newProblem(p)
	defer func() { op.problem = problem{} }()

	count := op.r.schedule.count()
	lines := linesFor(op.y, op.r)
	var measure arena
	carve[float64](&measure, 2*count)
	lines.place(&measure)
	if err := s.shared.reserve(&s.dev.ledger, measure.used); err != nil {
		return err
	}
	op.sums = carve[float64](&s.shared, 2*count)
	op.y = lines.place(&s.shared)
	op.scores = grown(op.scores, s.dev.pool.threads)
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

func (op *loss) layout(who int, a *arena) { op.scores[who] = carve[float32](a, lossLength) }

func (op *loss) task(who, i int) {
	row, entries := op.r.entries(i)
	var sums [2]float64
	for lo := entries.lo; lo < entries.hi; lo += lossLength {
		hi := min(lo+lossLength, entries.hi)
		row = op.r.rowOf(row, lo)
		scores := op.scores[who][:hi-lo]
		ratings := op.r.values[lo:hi]
		op.r.score(scores, op.x, op.y, row, lo, ratings)
		op.addBiases(scores, row, lo)
		plain, weighted := op.errors(ratings, scores)
		sums[0] += plain
		sums[1] += weighted
	}
	copy(op.sums[2*i:], sums[:])
}

// addBiases adds the biases of rows and the offsets of columns to the scores of the
// entries from at on, which is one of the given row.
func (op *loss) addBiases(scores []float32, row, at int) {
	if op.stored < op.unknowns {
		for rest, lo := scores, at; len(rest) > 0; row++ {
			n := min(int(op.r.offsets[row+1])-lo, len(rest))
			simd.AddScalar(op.x.row(row)[op.stored], rest[:n])
			rest, lo = rest[n:], lo+n
		}
	}
	if len(op.offset) > 0 {
		for i, id := range op.r.columns[at : at+len(scores)] {
			scores[i] += op.offset[id]
		}
	}
}

// errors returns the two sums over some ratings.
func (op *loss) errors(ratings, scores []float32) (plain, weighted float64) {
	switch op.objective.Convention {
	case kernels.Implicit:
		return simd.ConfidenceErrors(ratings, scores, 1, op.objective.Alpha)
	case kernels.Confidence:
		return simd.ConfidenceErrors(ratings, scores, 0, 1)
	default:
		plain = simd.SquaredErrors(ratings, scores)
		return plain, plain
	}
}
